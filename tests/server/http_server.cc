#include "http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>
#include <thread>

namespace s3native::testserver {
namespace {

constexpr size_t kMaxHeadSize = 32 << 10;
constexpr uint64_t kDiscardStep = 1 << 20;
constexpr int kBacklog = 1024;

bool SameName(std::string_view left, std::string_view right) {
  return left.size() == right.size() && strncasecmp(left.data(), right.data(), left.size()) == 0;
}

uint64_t ParseSize(std::string_view text, int base) {
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, base);
  return value;
}

std::string PercentDecode(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      decoded += static_cast<char>(ParseSize(text.substr(i + 1, 2), 16));
      i += 2;
    } else {
      decoded += text[i] == '+' ? ' ' : text[i];
    }
  }
  return decoded;
}

// Calls visit(name, encoded value) for each parameter until it returns true.
template <typename Visit>
bool FindParameter(std::string_view query, Visit visit) {
  while (!query.empty()) {
    const std::string_view parameter = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), parameter.size() + 1));
    const size_t equals = std::min(parameter.find('='), parameter.size());
    if (visit(parameter.substr(0, equals),
              parameter.substr(std::min(parameter.size(), equals + 1))))
      return true;
  }
  return false;
}

const char* Reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 404:
      return "Not Found";
    default:
      return "Answer";
  }
}

}  // namespace

std::string_view Request::Header(std::string_view name) const {
  std::string_view rest = head;
  while (!rest.empty()) {
    const size_t line_size = rest.find("\r\n");
    const std::string_view line = rest.substr(0, line_size);
    rest.remove_prefix(std::min(rest.size(), line_size + 2));
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || !SameName(line.substr(0, colon), name)) continue;
    const size_t value = line.find_first_not_of(' ', colon + 1);
    return value == std::string_view::npos ? std::string_view() : line.substr(value);
  }
  return {};
}

bool Request::HasQuery(std::string_view name) const {
  return FindParameter(query,
                       [&](std::string_view found, std::string_view) { return found == name; });
}

std::string Request::QueryValue(std::string_view name, std::string_view fallback) const {
  std::string value(fallback);
  FindParameter(query, [&](std::string_view found, std::string_view encoded) {
    if (found != name) return false;
    value = PercentDecode(encoded);
    return true;
  });
  return value;
}

Connection::Connection(int socket) : socket_(socket) {
  const int one = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

Connection::~Connection() { close(socket_); }

bool Connection::Fill() {
  if (begin_ == end_) begin_ = end_ = 0;
  if (end_ == buffer_.size()) {
    memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  const ssize_t received = recv(socket_, buffer_.data() + end_, buffer_.size() - end_, 0);
  if (received <= 0) return false;
  end_ += static_cast<size_t>(received);
  return true;
}

bool Connection::ReadRequest(Request* request) {
  for (;;) {
    const std::string_view unread(buffer_.data() + begin_, end_ - begin_);
    const size_t head_size = unread.find("\r\n\r\n");
    if (head_size != std::string_view::npos) {
      request->head.assign(unread.substr(0, head_size + 2));
      begin_ += head_size + 4;
      break;
    }
    if (unread.size() > kMaxHeadSize || !Fill()) return false;
  }
  const std::string_view line(request->head.data(), request->head.find("\r\n"));
  const size_t method_end = line.find(' ');
  const size_t target_end = line.rfind(' ');
  if (method_end == std::string_view::npos || target_end <= method_end) return false;
  const std::string_view target = line.substr(method_end + 1, target_end - method_end - 1);
  const size_t path_end = std::min(target.find('?'), target.size());
  request->method = line.substr(0, method_end);
  request->path = target.substr(0, path_end);
  request->query = target.substr(std::min(target.size(), path_end + 1));
  return true;
}

bool Connection::Discard(uint64_t size) {
  const uint64_t buffered = std::min<uint64_t>(size, end_ - begin_);
  begin_ += buffered;
  size -= buffered;
  while (size > 0) {
    // On TCP, MSG_TRUNC drops the bytes inside the kernel.
    const ssize_t dropped = recv(socket_, nullptr, std::min(size, kDiscardStep), MSG_TRUNC);
    if (dropped <= 0) return false;
    size -= static_cast<uint64_t>(dropped);
  }
  return true;
}

bool Connection::ReadLine(std::string* line) {
  for (;;) {
    const std::string_view unread(buffer_.data() + begin_, end_ - begin_);
    const size_t line_size = unread.find("\r\n");
    if (line_size != std::string_view::npos) {
      line->assign(unread.substr(0, line_size));
      begin_ += line_size + 2;
      return true;
    }
    if (unread.size() > kMaxHeadSize || !Fill()) return false;
  }
}

int64_t Connection::DiscardChunks() {
  int64_t body_size = 0;
  std::string line;
  for (;;) {
    if (!ReadLine(&line)) return -1;
    const uint64_t chunk_size = ParseSize(line, 16);
    if (chunk_size == 0) break;
    if (!Discard(chunk_size + 2)) return -1;
    body_size += static_cast<int64_t>(chunk_size);
  }
  do {  // trailers, up to the empty line
    if (!ReadLine(&line)) return -1;
  } while (!line.empty());
  return body_size;
}

int64_t Connection::DiscardBody(const Request& request) {
  if (SameName(request.Header("expect"), "100-continue") &&
      !SendAll("HTTP/1.1 100 Continue\r\n\r\n"))
    return -1;
  if (SameName(request.Header("transfer-encoding"), "chunked")) return DiscardChunks();
  const uint64_t size = ParseSize(request.Header("content-length"), 10);
  return Discard(size) ? static_cast<int64_t>(size) : -1;
}

bool Connection::Reply(const Request& request, int status, std::string_view headers,
                       std::string_view body) {
  std::string reply = "HTTP/1.1 " + std::to_string(status) + " " + Reason(status) + "\r\n";
  reply += headers;
  if (status != 204) reply += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  reply += "x-amz-request-id: 0123456789ABCDEF\r\n\r\n";
  if (request.method != "HEAD") reply += body;
  return SendAll(reply);
}

bool Connection::SendAll(std::string_view data) {
  while (!data.empty()) {
    const ssize_t sent = send(socket_, data.data(), data.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    data.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

int ServeForever(uint16_t port, const Handler& handler) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t address_size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener, generic, sizeof address) != 0 || listen(listener, kBacklog) != 0 ||
      getsockname(listener, generic, &address_size) != 0) {
    perror("cannot listen");
    return 1;
  }
  printf("listening on %d\n", ntohs(address.sin_port));
  fflush(stdout);
  for (;;) {
    const int accepted = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (accepted < 0) continue;
    std::thread([accepted, &handler] {
      const auto connection = std::make_unique<Connection>(accepted);
      Request request;
      while (connection->ReadRequest(&request) && handler(*connection, request)) {
      }
    }).detach();
  }
}

}  // namespace s3native::testserver
