// The limit for receiving over TLS with OpenSSL: each thread has one connection and reads ranged
// GETs straight into one buffer that is faulted in. Certificates are not verified.
#include <openssl/ssl.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "loop.h"

namespace {

using s3native::bench::Die;

constexpr size_t kReadBufferSize = 256 << 10;

SSL_CTX* MakeContext() {
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  if (context == nullptr) Die("SSL_CTX_new");
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, kReadBufferSize);
  return context;
}

SSL* Handshake(SSL_CTX* context, int socket) {
  SSL* const session = SSL_new(context);
  SSL_set_fd(session, socket);
  if (SSL_connect(session) != 1) Die("SSL_connect");
  return session;
}

size_t Receive(SSL* session, char* destination, size_t size) {
  size_t received = 0;
  if (SSL_read_ex(session, destination, size, &received) != 1) Die("SSL_read_ex");
  return received;
}

void ReceivePart(SSL* session, char* destination, size_t size) {
  char head[16 << 10];
  size_t head_size = 0, body_offset = 0;
  while (body_offset == 0) {
    if (head_size == sizeof head) Die("answer too long");
    head_size += Receive(session, head + head_size, sizeof head - head_size);
    body_offset = s3native::bench::BodyOffset(head, head_size);
  }
  size_t done = head_size - body_offset;
  memcpy(destination, head + body_offset, done);
  while (done < size) done += Receive(session, destination + done, size - done);
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = s3native::bench::ParseArguments(argc, argv);
  const s3native::bench::Memory memory(arguments.size);
  SSL_CTX* const context = MakeContext();
  std::vector<SSL*> sessions;
  for (unsigned i = 0; i < arguments.threads; ++i) {
    sessions.push_back(Handshake(context, s3native::bench::Connect(arguments)));
  }
  s3native::bench::RunRounds(arguments, [&](unsigned thread, size_t offset, size_t size) {
    const std::string request = s3native::bench::RangeRequest(arguments, offset, size);
    size_t written = 0;
    if (SSL_write_ex(sessions[thread], request.data(), request.size(), &written) != 1)
      Die("SSL_write_ex");
    ReceivePart(sessions[thread], memory.data() + offset, size);
  });
}
