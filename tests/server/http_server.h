// Purpose: a small blocking HTTP/1.1 server for tests and benchmarks: 127.0.0.1, keep-alive, one
// thread per connection.
// Thread-safety: the handler runs on many threads at once; a Connection belongs to the thread that
// serves it. Ownership: a Connection owns its socket and closes it.
#ifndef S3NATIVE_TESTS_SERVER_HTTP_SERVER_H_
#define S3NATIVE_TESTS_SERVER_HTTP_SERVER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace s3native::testserver {

struct Request {
  std::string method;
  std::string path;   // before '?', still percent-encoded
  std::string query;  // after '?', still percent-encoded
  std::string head;   // request line and headers, each line ending in CRLF

  // The value of the first header of that name (any case), empty when there is none.
  [[nodiscard]] std::string_view Header(std::string_view name) const;
  [[nodiscard]] bool HasQuery(std::string_view name) const;
  // The percent-decoded value of a query parameter, or `fallback` when there is none.
  [[nodiscard]] std::string QueryValue(std::string_view name, std::string_view fallback = "") const;
};

class Connection {
 public:
  explicit Connection(int socket);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // False when the client is gone or sent no HTTP. Read the body before the next request.
  bool ReadRequest(Request* request);
  // Reads the body that `request` announces and throws it away, without copying it out of the
  // kernel. Returns the size that went over the wire (chunk framing left out), or -1 when the
  // client is gone.
  int64_t DiscardBody(const Request& request);
  // `headers` are whole lines ending in CRLF; Content-Length is added. No body is sent for HEAD.
  bool Reply(const Request& request, int status, std::string_view headers, std::string_view body);

 private:
  bool Fill();
  bool Discard(uint64_t size);
  bool ReadLine(std::string* line);
  int64_t DiscardChunks();
  bool SendAll(std::string_view data);

  int socket_;
  size_t begin_ = 0;  // unread bytes are buffer_[begin_, end_)
  size_t end_ = 0;
  std::array<char, 64 << 10> buffer_;
};

// Answers one request, its body included; false closes the connection.
using Handler = std::function<bool(Connection&, const Request&)>;

// Listens on 127.0.0.1:port (0: any free port), prints "listening on PORT" and serves until the
// process ends. Returns an exit status when it cannot listen.
int ServeForever(uint16_t port, const Handler& handler);

}  // namespace s3native::testserver

#endif  // S3NATIVE_TESTS_SERVER_HTTP_SERVER_H_
