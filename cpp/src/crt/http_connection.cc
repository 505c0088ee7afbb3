#include "crt/http_connection.h"

#include <aws/common/error.h>
#include <aws/common/string.h>
#include <aws/http/http.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "crt/loop_task.h"
#include "endpoint.h"
#include "s3native/events.h"

namespace s3native::crt {
namespace {

// What a connection may receive before others on its event loop have their turn.
constexpr size_t kTurnBytes = 4 * 1024 * 1024;
// Space for a response's head; S3's take 300 to 1 000 bytes, user metadata up to 2 KiB more.
constexpr size_t kHeadSpace = 8 * 1024;
// A longer head, or a longer body in chunks, is no answer of S3 to what is asked here.
constexpr size_t kMaxText = 32 * 1024 * 1024;
// What waits for the socket at once. Progress shows after each.
constexpr size_t kWriteSlice = 256 * 1024;
// Checks for a stall in a stall timeout.
constexpr uint64_t kStallChecks = 4;
// How much longer a server may take to begin its answer when it has to work for it: S3 copies 5 GiB
// in a minute or two.
constexpr uint64_t kLaborFactor = 10;
// A body that moves more slowly than this, through a whole stall timeout, is as good as stalled: 8
// MiB would take two hours.
constexpr uint64_t kTrickleBytesPerSecond = 1024;
// Bytes that must have arrived to wake up for, in a long body: a third less system time than waking
// up for each segment.
constexpr int kLowWater = 256 * 1024;
// Of a body's last bytes, TLS may have taken this many from the socket without handing them out.
constexpr int kMaxTlsRecord = 17 * 1024;

int CodeOfErrno(int error) {
  switch (error) {
    case EAGAIN:
#if EAGAIN != EWOULDBLOCK
    case EWOULDBLOCK:
#endif
      return AWS_IO_READ_WOULD_BLOCK;
    case ETIMEDOUT:
      return AWS_IO_SOCKET_TIMEOUT;
    default:
      return AWS_IO_SOCKET_CLOSED;
  }
}

int CodeOf(TlsStatus status) {
  switch (status) {
    case TlsStatus::kDone:
      return AWS_ERROR_SUCCESS;
    case TlsStatus::kWouldBlock:
      return AWS_IO_READ_WOULD_BLOCK;
    case TlsStatus::kClosed:
      return AWS_IO_SOCKET_CLOSED;
    case TlsStatus::kFailed:
      return AWS_IO_TLS_ERROR_READ_FAILURE;
  }
  return AWS_ERROR_UNKNOWN;
}

ConstBytes Bytes(const std::string& text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

void Drop(ConstBytes* bytes, size_t size) {
  bytes->data += size;
  bytes->size -= size;
}

std::atomic<uint64_t> next_id{1};

}  // namespace

HttpConnection::HttpConnection(std::shared_ptr<Connection> settings, std::string host,
                               std::shared_ptr<Owner> owner, aws_event_loop* loop)
    : settings_(std::move(settings)),
      id_(next_id.fetch_add(1, std::memory_order_relaxed)),
      host_(std::move(host)),
      owner_(std::move(owner)),
      loop_(loop),
      text_(kHeadSpace) {}

HttpConnection::~HttpConnection() = default;

// ---- opening ----

void HttpConnection::Open() {
  Post(loop_, [self = shared_from_this()] {
    self->self_ = self;
    self->Resolve();
  });
}

void HttpConnection::Resolve() {
  const std::string& host = settings_->proxy() ? settings_->proxy()->host : host_;
  if (IsIpAddress(host)) {
    const bool v6 = host.find(':') != std::string::npos;
    addresses_.emplace_back(host, v6 ? AWS_SOCKET_IPV6 : AWS_SOCKET_IPV4);
    return Connect();
  }
  aws_string* name = aws_string_new_from_array(
      Allocator(), reinterpret_cast<const uint8_t*>(host.data()), host.size());
  const aws_host_resolution_config config = aws_host_resolver_init_default_resolution_config();
  auto* self = new std::shared_ptr<HttpConnection>(shared_from_this());
  const int failed = aws_host_resolver_resolve_host(settings_->runtime().resolver(), name,
                                                    OnResolved, &config, self);
  aws_string_destroy(name);
  if (failed == AWS_OP_SUCCESS) return;
  delete self;
  Fail(aws_last_error());
}

void HttpConnection::OnResolved(aws_host_resolver*, const aws_string*, int crt_code,
                                const aws_array_list* addresses, void* user_data) {
  const std::unique_ptr<std::shared_ptr<HttpConnection>> held(
      static_cast<std::shared_ptr<HttpConnection>*>(user_data));
  std::vector<std::pair<std::string, aws_socket_domain>> found;
  for (size_t i = 0; addresses != nullptr && i < aws_array_list_length(addresses); ++i) {
    aws_host_address* address = nullptr;
    aws_array_list_get_at_ptr(addresses, reinterpret_cast<void**>(&address), i);
    const bool v6 = address->record_type == AWS_ADDRESS_RECORD_TYPE_AAAA;
    found.emplace_back(aws_string_c_str(address->address), v6 ? AWS_SOCKET_IPV6 : AWS_SOCKET_IPV4);
  }
  // Taken from the back: IPv4 first, which more networks can reach.
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  Post((*held)->loop_, [self = *held, found = std::move(found), crt_code] {
    if (self->state_ != State::kOpening) return;
    if (crt_code != AWS_ERROR_SUCCESS) return self->Fail(crt_code);
    self->addresses_ = found;
    self->Connect();
  });
}

void HttpConnection::Connect() {
  if (addresses_.empty()) return Fail(AWS_IO_DNS_NO_ADDRESS_FOR_HOST);
  const auto [address, domain] = std::move(addresses_.back());
  addresses_.pop_back();
  aws_socket_options options{};
  options.type = AWS_SOCKET_STREAM;
  options.domain = domain;
  options.connect_timeout_ms = settings_->config().connect_timeout_ms;
  if (aws_socket_init(&socket_, Allocator(), &options) != AWS_OP_SUCCESS)
    return Fail(aws_last_error());
  socket_made_ = true;
  aws_socket_endpoint endpoint{};
  std::strncpy(endpoint.address, address.c_str(), sizeof endpoint.address - 1);
  endpoint.port = settings_->proxy() ? settings_->proxy()->port : settings_->config().port;
  aws_socket_connect_options connect{};
  connect.remote_endpoint = &endpoint;
  connect.event_loop = loop_;
  connect.on_connection_result = OnConnected;
  connect.user_data = this;
  if (aws_socket_connect(&socket_, &connect) != AWS_OP_SUCCESS) Connected(aws_last_error());
}

void HttpConnection::OnConnected(aws_socket*, int crt_code, void* user_data) {
  static_cast<HttpConnection*>(user_data)->Connected(crt_code);
}

void HttpConnection::Connected(int crt_code) {
  if (state_ != State::kOpening) return;
  if (crt_code != AWS_ERROR_SUCCESS) {
    if (addresses_.empty()) return Fail(crt_code);
    // The socket is still in its caller's hands: make the next one after that has returned.
    return Post(loop_, [self = shared_from_this()] {
      if (self->state_ != State::kOpening) return;
      aws_socket_clean_up(&self->socket_);
      self->socket_made_ = false;
      self->Connect();
    });
  }
  // Requests are small and wait for their answers.
  const int on = 1;
  setsockopt(socket_.io_handle.data.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (aws_socket_subscribe_to_readable_events(&socket_, OnReadable, this) != AWS_OP_SUCCESS)
    return Fail(aws_last_error());
  if (settings_->tls_settings() == nullptr) return Ready();
  WatchForStalls();
  return settings_->proxy() ? AskForTunnel() : StartTls();
}

void HttpConnection::AskForTunnel() {
  const std::string target = HostInUrl(host_) + ":" + std::to_string(settings_->config().port);
  const std::string head = "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n" +
                           settings_->proxy_authorization() + "\r\n";
  tunnelling_ = true;
  // A new socket takes so little at once.
  const ssize_t sent = send(socket_.io_handle.data.fd, head.data(), head.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(head.size())) Fail(AWS_IO_SOCKET_CLOSED);
}

void HttpConnection::TakeTunnel(int crt_code) {
  HttpParse parsed = HttpParse::kIncomplete;
  while (parsed == HttpParse::kIncomplete && text_size_ < text_.size()) {
    size_t received = 0;
    const int failure = Receive(text_.data() + text_size_, text_.size() - text_size_, &received);
    if (failure == AWS_IO_READ_WOULD_BLOCK && crt_code == AWS_ERROR_SUCCESS) return;
    if (failure == AWS_IO_READ_WOULD_BLOCK) return Fail(crt_code);
    if (failure != AWS_ERROR_SUCCESS) return Fail(failure);
    text_size_ += received;
    parsed = ParseHttpHead({text_.data(), text_size_}, &head_);
  }
  if (parsed != HttpParse::kComplete) return Fail(AWS_ERROR_HTTP_PROTOCOL_ERROR);
  if (head_.status / 100 == 5) return Fail(AWS_ERROR_HTTP_PROXY_CONNECT_FAILED_RETRYABLE);
  if (head_.status / 100 != 2) return Fail(AWS_ERROR_HTTP_PROXY_CONNECT_FAILED);
  if (head_.size != text_size_) return Fail(AWS_ERROR_HTTP_PROTOCOL_ERROR);
  tunnelling_ = false;
  StartTls();
}

void HttpConnection::StartTls() {
  tls_ = std::make_unique<TlsStream>(
      settings_->tls_settings(), host_, socket_.io_handle.data.fd,
      [this](const uint8_t* data, size_t size) {
        writing_ = true;
        const aws_byte_cursor cursor = aws_byte_cursor_from_array(data, size);
        // A failure reaches OnReadable as well.
        (void)aws_socket_write(&socket_, &cursor, OnRestWritten, this);
      });
  Negotiate();
}

void HttpConnection::Negotiate() {
  const TlsStatus status = tls_->Negotiate();
  if (status == TlsStatus::kWouldBlock) return;
  if (status == TlsStatus::kFailed) return Fail(AWS_IO_TLS_ERROR_NEGOTIATION_FAILURE);
  if (status != TlsStatus::kDone) return Fail(CodeOf(status));
  negotiated_ = true;
  Ready();
}

void HttpConnection::Ready() {
  state_ = State::kIdle;
  if (IsLogged(LogLevel::kDebug))
    Log(LogLevel::kDebug, "connection " + std::to_string(id_) + " to " + host_ + " is open");
  if (ExchangePtr next = owner_->Next(shared_from_this())) Begin(std::move(next));
}

// ---- exchanges ----

void HttpConnection::Run(ExchangePtr exchange) {
  if (aws_event_loop_thread_is_callers_thread(loop_)) return Begin(std::move(exchange));
  Post(loop_, [self = shared_from_this(), exchange = std::move(exchange)]() mutable {
    self->Begin(std::move(exchange));
  });
}

void HttpConnection::Begin(ExchangePtr exchange) {
  if (state_ != State::kIdle) return exchange->Finished(AWS_ERROR_HTTP_CONNECTION_CLOSED);
  state_ = State::kBusy;
  exchange_ = std::move(exchange);
  exchange_->connection_id = id_;
  text_size_ = decode_at_ = 0;
  if (text_.size() > kHeadSpace) std::vector<char>(kHeadSpace).swap(text_);
  in_body_ = body_sent_ = answered_ = false;
  send_head_ = exchange_->Head();
  send_left_ = Bytes(send_head_);
  send_body_ = exchange_->Body();
  WatchForStalls();
  Send();
}

void HttpConnection::Send() {
  const ExchangePtr sending = exchange_;  // a failure ends it
  const int crt_code = tls_ ? SendTls() : SendPlain();
  if (exchange_ != sending) return;
  if (crt_code != AWS_ERROR_SUCCESS) return SendFailed(crt_code);
  if (answered_ && body_sent_) Complete();
}

// A server that refuses a body says why before it hangs up.
void HttpConnection::SendFailed(int crt_code) {
  hang_up_ = crt_code;
  ReceiveAll();
}

void HttpConnection::Sent(size_t size) {
  progress_ += size;
  const size_t of_head = std::min(size, send_left_.size);
  Drop(&send_left_, of_head);
  Drop(&send_body_, size - of_head);
  body_sent_ = send_left_.size + send_body_.size == 0;
}

int HttpConnection::SendPlain() {
  while (!writing_ && !body_sent_) {
    iovec pieces[2] = {{const_cast<std::byte*>(send_left_.data), send_left_.size},
                       {const_cast<std::byte*>(send_body_.data), send_body_.size}};
    msghdr message{};
    message.msg_iov = pieces;
    message.msg_iovlen = 2;
    const ssize_t sent = sendmsg(socket_.io_handle.data.fd, &message, MSG_NOSIGNAL);
    if (sent >= 0) {
      Sent(static_cast<size_t>(sent));
      continue;
    }
    if (CodeOfErrno(errno) != AWS_IO_READ_WOULD_BLOCK) return CodeOfErrno(errno);
    const ConstBytes& next = send_left_.size != 0 ? send_left_ : send_body_;
    const aws_byte_cursor slice =
        aws_byte_cursor_from_array(next.data, std::min(next.size, kWriteSlice));
    writing_ = true;
    if (aws_socket_write(&socket_, &slice, OnWritten, this) != AWS_OP_SUCCESS) {
      writing_ = false;
      return aws_last_error();
    }
  }
  return AWS_ERROR_SUCCESS;
}

void HttpConnection::OnWritten(aws_socket*, int crt_code, size_t size, void* user_data) {
  auto* self = static_cast<HttpConnection*>(user_data);
  self->writing_ = false;
  if (self->state_ != State::kBusy) return;
  if (crt_code != AWS_ERROR_SUCCESS) return self->SendFailed(crt_code);
  self->Sent(size);
  self->Send();
}

int HttpConnection::SendTls() {
  while (!body_sent_) {
    const ConstBytes& next = send_left_.size != 0 ? send_left_ : send_body_;
    size_t sent = 0;
    const TlsStatus status = tls_->Send(next.data, std::min(next.size, kWriteSlice), &sent);
    if (status == TlsStatus::kWouldBlock) return AWS_ERROR_SUCCESS;
    if (status != TlsStatus::kDone) return CodeOf(status);
    Sent(sent);
  }
  return AWS_ERROR_SUCCESS;
}

void HttpConnection::OnRestWritten(aws_socket*, int crt_code, size_t, void* user_data) {
  auto* self = static_cast<HttpConnection*>(user_data);
  self->writing_ = false;
  self->tls_->OnRestSent();
  if (self->state_ == State::kClosed) return;
  if (!self->negotiated_) return crt_code != 0 ? self->Fail(crt_code) : self->Negotiate();
  if (self->state_ != State::kBusy) return;
  if (crt_code != AWS_ERROR_SUCCESS) return self->SendFailed(crt_code);
  self->Send();
}

void HttpConnection::OnReadable(aws_socket*, int crt_code, void* user_data) {
  const HttpConnectionPtr self = static_cast<HttpConnection*>(user_data)->shared_from_this();
  if (self->state_ == State::kClosed) return;
  if (self->tunnelling_) return self->TakeTunnel(crt_code);
  if (self->tls_ && !self->negotiated_) {
    self->Negotiate();
    if (!self->negotiated_) {
      if (crt_code != AWS_ERROR_SUCCESS) self->Fail(crt_code);
      return;
    }
  }
  // What came before the end of the connection counts.
  if (crt_code != AWS_ERROR_SUCCESS) self->hang_up_ = crt_code;
  self->ReceiveAll();
}

// Until the socket has no more, or others must have their turn.
void HttpConnection::ReceiveAll() {
  size_t turn = kTurnBytes;
  while (state_ != State::kClosed) {
    if (answered_ && exchange_) {
      // Only the socket's report that the request is sent is missing.
      if (hang_up_ != 0) Complete();
      return;
    }
    void* into = in_body_ ? static_cast<void*>(body_.data) : text_.data() + text_size_;
    const size_t room = in_body_ ? std::min(body_.size, turn) : text_.size() - text_size_;
    size_t received = 0;
    const int crt_code = Receive(into, room, &received);
    if (crt_code == AWS_IO_READ_WOULD_BLOCK) {
      return hang_up_ != 0 ? Fail(hang_up_) : SetLowWater();
    }
    if (crt_code != AWS_ERROR_SUCCESS) return Fail(crt_code);
    if (state_ != State::kBusy) return Fail(AWS_ERROR_HTTP_PROTOCOL_ERROR);  // nobody asked
    progress_ += received;
    const ExchangePtr current = exchange_;
    Received(received);
    // A short read has emptied the socket, and a new request has no answer yet.
    if (exchange_ != current || (!tls_ && received < room && hang_up_ == 0)) return SetLowWater();
    turn -= std::min(turn, received);
    if (turn == 0) return Post(loop_, [self = shared_from_this()] { self->ReceiveAll(); });
  }
}

// Wakes up for many bytes at once where many are to come.
void HttpConnection::SetLowWater() {
  if (state_ == State::kClosed) return;
  const int wanted = in_body_ && body_.size > size_t{kLowWater + kMaxTlsRecord} ? kLowWater : 1;
  if (wanted == low_water_) return;
  low_water_ = wanted;
  setsockopt(socket_.io_handle.data.fd, SOL_SOCKET, SO_RCVLOWAT, &wanted, sizeof wanted);
}

int HttpConnection::Receive(void* into, size_t size, size_t* received) {
  if (tls_) return CodeOf(tls_->Receive(into, size, received));
  // A byte behind the body is asked for as well: there must be none.
  char behind = 0;
  iovec places[2] = {{into, size}, {&behind, in_body_ && size == body_.size ? size_t{1} : 0}};
  msghdr message{};
  message.msg_iov = places;
  message.msg_iovlen = 2;
  const ssize_t count = recvmsg(socket_.io_handle.data.fd, &message, 0);
  if (count < 0) return CodeOfErrno(errno);
  if (count == 0) return AWS_IO_SOCKET_CLOSED;
  left_over_ = static_cast<size_t>(count) > size;
  *received = std::min(size, static_cast<size_t>(count));
  return AWS_ERROR_SUCCESS;
}

void HttpConnection::Received(size_t size) {
  if (!in_body_) {
    text_size_ += size;
    return TakeText();
  }
  body_.data += size;
  body_.size -= size;
  if (body_.size == 0) Complete();
}

// The head and, when it announces chunks, all of them, are in text_.
void HttpConnection::TakeText() {
  HttpParse parsed = ParseHttpHead({text_.data(), text_size_}, &head_);
  while (parsed == HttpParse::kComplete && head_.status / 100 == 1) {  // 100 Continue
    text_size_ -= head_.size;
    std::memmove(text_.data(), text_.data() + head_.size, text_size_);
    parsed = ParseHttpHead({text_.data(), text_size_}, &head_);
  }
  std::string decoded;
  std::string_view rest;
  if (parsed == HttpParse::kComplete) {
    rest = std::string_view(text_.data(), text_size_).substr(head_.size);
    if (head_.chunked && !exchange_->IsHeadRequest()) {
      // It may be a listing in thousands of segments: not decoded anew after each.
      if (text_size_ < decode_at_ && !rest.ends_with("\r\n\r\n")) return GrowText();
      decode_at_ = 2 * text_size_;
      size_t used = 0;
      parsed = DecodeChunked(rest, &decoded, &used);
      if (parsed == HttpParse::kComplete && used != rest.size()) parsed = HttpParse::kMalformed;
      rest = decoded;
      head_.content_length = decoded.size();
    }
  }
  if (parsed == HttpParse::kIncomplete) return GrowText();
  if (parsed == HttpParse::kMalformed) return Fail(AWS_ERROR_HTTP_PROTOCOL_ERROR);
  StartBody(rest);
}

void HttpConnection::GrowText() {
  if (text_size_ < text_.size()) return;
  if (text_.size() >= kMaxText) return Fail(AWS_ERROR_HTTP_PROTOCOL_ERROR);
  text_.resize(2 * text_.size());
}

void HttpConnection::StartBody(std::string_view first) {
  const bool no_body = head_.status == 204 || head_.status == 304 || exchange_->IsHeadRequest();
  if (!head_.content_length && !no_body) {
    if (head_.status < 400) return Fail(AWS_ERROR_HTTP_PROTOCOL_ERROR);
    // A proxy's page up to the connection's end: the status says enough.
    head_.content_length = 0;
    head_.keep_alive = false;
    first = {};
  }
  const uint64_t length = no_body ? 0 : *head_.content_length;
  if (first.size() > length) return Fail(AWS_ERROR_HTTP_PROTOCOL_ERROR);
  const std::optional<BodyPlace> place = exchange_->OnHead(head_, length);
  cut_ = place && place->bytes.size < length;
  if (!place || (cut_ && !place->cut)) return Fail(AWS_ERROR_HTTP_PROTOCOL_ERROR);
  body_ = {place->bytes.data, std::min(place->bytes.size, static_cast<size_t>(length))};
  first = first.substr(0, body_.size);
  if (!first.empty()) std::memcpy(body_.data, first.data(), first.size());
  body_ = {body_.data + first.size(), body_.size - first.size()};
  in_body_ = true;
  if (body_.size == 0) Complete();
}

void HttpConnection::Complete() {
  answered_ = true;
  // The server has it all, only the socket has not said so yet.
  if (head_.status / 100 == 2 && writing_ && hang_up_ == 0) return;
  if (tls_ && tls_->HasInput()) left_over_ = true;
  const ExchangePtr done = std::move(exchange_);
  exchange_.reset();
  const bool clean = body_sent_ && !writing_ && !cut_ && !left_over_ && hang_up_ == 0;
  if (head_.keep_alive && clean) {
    state_ = State::kIdle;
    // The next request goes out before this one's result is looked at.
    if (ExchangePtr next = owner_->Next(shared_from_this())) Begin(std::move(next));
  } else {
    Shut(AWS_ERROR_SUCCESS);
  }
  done->Finished(AWS_ERROR_SUCCESS);
}

// ---- ending ----

void HttpConnection::Cancel(ExchangePtr exchange, int crt_code) {
  Post(loop_, [self = shared_from_this(), exchange = std::move(exchange), crt_code] {
    if (self->exchange_ == exchange) self->Fail(crt_code);
  });
}

void HttpConnection::Close() {
  Post(loop_, [self = shared_from_this()] { self->Fail(AWS_ERROR_HTTP_CONNECTION_CLOSED); });
}

void HttpConnection::Fail(int crt_code) {
  if (state_ == State::kClosed) return;
  const ExchangePtr failed = std::move(exchange_);
  exchange_.reset();
  Shut(crt_code);
  if (failed) failed->Finished(crt_code);
}

void HttpConnection::Shut(int crt_code) {
  const bool opened = state_ != State::kOpening;
  state_ = State::kClosed;
  if (IsLogged(LogLevel::kDebug))
    Log(LogLevel::kDebug, "connection " + std::to_string(id_) + " to " + host_ +
                              (opened ? " is closed: " : " could not be opened: ") +
                              (crt_code == 0 ? "done" : aws_error_str(crt_code)));
  // Callbacks of pending writes run in here; after it no memory of a caller is touched.
  if (socket_made_) aws_socket_clean_up(&socket_);
  // The socket may be in a callback right now: its memory goes later.
  const HttpConnectionPtr self = std::move(self_);
  Post(loop_, [self] {});
  owner_->Gone(self, opened ? AWS_ERROR_SUCCESS : crt_code);
}

void HttpConnection::WatchForStalls() {
  const Config& config = settings_->config();
  const auto [shorter_s, longer_s] =
      std::minmax(config.stall_timeout_s, config.first_byte_timeout_s);
  const uint64_t shortest_ms = uint64_t{shorter_s != 0 ? shorter_s : longer_s} * 1000;
  if (watched_ || shortest_ms == 0) return;
  watched_ = true;
  WatchAgain(shortest_ms / kStallChecks, progress_, 0);
}

// How long nothing may happen; 0: for ever.
uint64_t HttpConnection::QuietLimitMs() const {
  const Config& config = settings_->config();
  if (!AwaitsHead()) return uint64_t{config.stall_timeout_s} * 1000;
  const uint64_t factor = exchange_->IsLaborious() ? kLaborFactor : 1;
  return uint64_t{config.first_byte_timeout_s} * 1000 * factor;
}

void HttpConnection::WatchAgain(uint64_t interval_ms, uint64_t progress, uint64_t quiet_ms) {
  PostAfter(loop_, interval_ms, [weak = weak_from_this(), interval_ms, progress, quiet_ms] {
    const HttpConnectionPtr self = weak.lock();
    if (!self || self->state_ == State::kClosed) return;
    if (self->state_ == State::kIdle) {
      self->watched_ = false;
      return;
    }
    // A slow server's bytes may wait below the low water mark.
    if (self->progress_ == progress && self->state_ == State::kBusy) self->ReceiveAll();
    if (self->state_ == State::kClosed) return;
    if (self->state_ == State::kIdle) return self->WatchAgain(interval_ms, self->progress_, 0);
    // Before a head a server may work for long, and send blanks so as to be waited for.
    const uint64_t least = self->AwaitsHead() ? 1 : interval_ms * kTrickleBytesPerSecond / 1000;
    const uint64_t still_ms = self->progress_ - progress < least ? quiet_ms + interval_ms : 0;
    const uint64_t limit_ms = self->QuietLimitMs();
    if (limit_ms != 0 && still_ms > limit_ms)
      return self->Fail(self->AwaitsHead() ? AWS_ERROR_HTTP_RESPONSE_FIRST_BYTE_TIMEOUT
                                           : AWS_ERROR_HTTP_CHANNEL_THROUGHPUT_FAILURE);
    self->WatchAgain(interval_ms, self->progress_, still_ms);
  });
}

}  // namespace s3native::crt
