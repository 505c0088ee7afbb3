// The limit for sending: each thread has one connection and sends parts as PUTs straight from one
// buffer.
#include <sys/socket.h>

#include <algorithm>
#include <string>
#include <vector>

#include "loop.h"

namespace {

using s3native::bench::Die;

constexpr size_t kSendStep = 256 << 10;

void SendAll(int socket, const char* data, size_t size, int flags) {
  while (size > 0) {
    const ssize_t sent = send(socket, data, std::min(size, kSendStep), flags | MSG_NOSIGNAL);
    if (sent <= 0) Die("send");
    data += sent;
    size -= static_cast<size_t>(sent);
  }
}

void ReceiveAnswer(int socket) {
  char head[4096];
  size_t head_size = 0;
  do {
    const ssize_t received = recv(socket, head + head_size, sizeof head - head_size, 0);
    if (received <= 0) Die("recv");
    head_size += static_cast<size_t>(received);
  } while (s3native::bench::BodyOffset(head, head_size) == 0);
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = s3native::bench::ParseArguments(argc, argv);
  const s3native::bench::Memory memory(arguments.size);
  std::vector<int> sockets;
  for (unsigned i = 0; i < arguments.threads; ++i)
    sockets.push_back(s3native::bench::Connect(arguments));
  s3native::bench::RunRounds(arguments, [&](unsigned thread, size_t offset, size_t size) {
    const std::string head = "PUT " + arguments.path +
                             "?partNumber=" + std::to_string(offset / arguments.part_size + 1) +
                             "&uploadId=1 HTTP/1.1\r\nHost: " + arguments.host +
                             "\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n";
    SendAll(sockets[thread], head.data(), head.size(), MSG_MORE);
    SendAll(sockets[thread], memory.data() + offset, size, 0);
    ReceiveAnswer(sockets[thread]);
  });
}
