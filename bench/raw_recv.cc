// The limit for receiving: each thread has one connection and receives ranged GETs straight into
// one buffer that is faulted in, the destination of nobody else.
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "loop.h"

namespace {

using s3native::bench::Die;

void SendAll(int socket, const std::string& request) {
  if (send(socket, request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    Die("send");
  }
}

// Receives at most `size` and at least one byte.
size_t Receive(int socket, char* destination, size_t size) {
  const ssize_t received = recv(socket, destination, size, 0);
  if (received <= 0) Die("recv");
  return static_cast<size_t>(received);
}

void ReceivePart(int socket, char* destination, size_t size) {
  char head[4096];
  size_t head_size = 0, body_offset = 0;
  while (body_offset == 0) {
    if (head_size == sizeof head) Die("answer too long");
    head_size += Receive(socket, head + head_size, sizeof head - head_size);
    body_offset = s3native::bench::BodyOffset(head, head_size);
  }
  size_t done = head_size - body_offset;
  memcpy(destination, head + body_offset, done);
  while (done < size) done += Receive(socket, destination + done, size - done);
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = s3native::bench::ParseArguments(argc, argv);
  const s3native::bench::Memory memory(arguments.size);
  std::vector<int> sockets;
  for (unsigned i = 0; i < arguments.threads; ++i)
    sockets.push_back(s3native::bench::Connect(arguments));
  s3native::bench::RunRounds(arguments, [&](unsigned thread, size_t offset, size_t size) {
    SendAll(sockets[thread], s3native::bench::RangeRequest(arguments, offset, size));
    ReceivePart(sockets[thread], memory.data() + offset, size);
  });
}
