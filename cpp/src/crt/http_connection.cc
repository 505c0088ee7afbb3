#include "crt/http_connection.h"

#include <aws/common/error.h>
#include <aws/http/http.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "crt/loop_task.h"
#include "crt/tcp_connect.h"
#include "endpoint.h"
#include "file_io.h"
#include "s3native/events.h"
#include "steady_clock.h"

namespace s3native::crt {
namespace {

// What a connection may receive before others on its event loop have their turn.
constexpr size_t kTurnBytes = 4 * 1024 * 1024;
// Space for a response's head; S3's take 300 to 1 000 bytes, user metadata up to 2 KiB more.
constexpr size_t kHeadSpace = 8 * 1024;
// A longer head, or a longer body in chunks, is no answer of S3 to what is asked here.
constexpr size_t kMaxText = 32 * 1024 * 1024;
// What TLS is given to seal at once.
constexpr size_t kTlsSlice = 256 * 1024;
// Bytes that must have arrived to wake up for, in a long body: a third less system time than waking
// up for each segment.
constexpr int kLowWater = 256 * 1024;
// Of a body's last bytes, TLS may have taken this many from the socket without handing them out.
constexpr int kMaxTlsRecord = 17 * 1024;

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
    self->Connect();
  });
}

void HttpConnection::Connect() {
  const std::optional<Proxy>& proxy = settings_->proxy();
  TcpTarget target{proxy ? proxy->host : host_, proxy ? proxy->port : settings_->config().port,
                   settings_->config().connect_timeout_ms};
  ConnectTcp(settings_->runtime().resolver(), loop_, std::move(target),
             [self = shared_from_this()](int crt_code, int descriptor) {
               self->Connected(crt_code, descriptor);
             });
}

void HttpConnection::Connected(int crt_code, int descriptor) {
  if (crt_code != AWS_ERROR_SUCCESS) return Fail(crt_code);
  socket_ = std::make_unique<WatchedSocket>(descriptor);
  // Requests are small and wait for their answers.
  const int on = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (!Watch()) return Fail(aws_last_error());
  if (settings_->tls_settings() == nullptr) {
    Ready();
    return Release();
  }
  WatchForStalls();
  return settings_->proxy() ? AskForTunnel() : StartTls();
}

bool HttpConnection::Watch() {
  return socket_->watched() ||
         socket_->Watch(loop_, [this](SocketEvents events) { OnEvents(events); });
}

void HttpConnection::AskForTunnel() {
  const std::string target = HostInUrl(host_) + ":" + std::to_string(settings_->config().port);
  const std::string head = "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n" +
                           settings_->proxy_authorization() + "\r\n";
  tunnelling_ = true;
  // A new socket takes so little at once.
  const ssize_t sent = send(socket_->descriptor(), head.data(), head.size(), MSG_NOSIGNAL);
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
  tls_ = std::make_unique<TlsStream>(settings_->tls_settings(), host_, socket_->descriptor());
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
  free_ = true;
}

// ---- exchanges ----

void HttpConnection::Run(ExchangePtr exchange) {
  if (aws_event_loop_thread_is_callers_thread(loop_)) return Continue(std::move(exchange));
  Post(loop_, [self = shared_from_this(), exchange = std::move(exchange)]() mutable {
    self->Continue(std::move(exchange));
  });
}

// While nobody watched, a session ticket may have come, but nothing else.
bool HttpConnection::IsQuiet() {
  char unasked = 0;
  size_t received = 0;
  return Receive(&unasked, sizeof unasked, &received) == AWS_IO_READ_WOULD_BLOCK;
}

bool HttpConnection::RunHere(ExchangePtr exchange) {
  if (!IsQuiet()) {
    Shut(AWS_ERROR_SUCCESS);
    return false;
  }
  const HttpConnectionPtr self = shared_from_this();
  exchange->driven_on = self;
  Begin(std::move(exchange));
  if (free_) Release();
  return true;
}

// On the loop's thread.
void HttpConnection::Continue(ExchangePtr exchange) {
  if (state_ == State::kIdle && !socket_->watched() && !(IsQuiet() && Watch()))
    Shut(AWS_ERROR_SUCCESS);
  Begin(std::move(exchange));
  if (free_) Release();
}

void HttpConnection::Drive(const Exchange* exchange, uint64_t time_ms) {
  const HttpConnectionPtr self = shared_from_this();
  const uint64_t until_us = NowMicroseconds() + time_ms * 1000;
  while (exchange_.get() == exchange) {
    const uint64_t now_us = NowMicroseconds();
    if (now_us >= until_us) return;
    const SocketEvents events =
        socket_->Wait(blocked_, static_cast<int>((until_us - now_us + 999) / 1000));
    if (events.readable || events.writable || events.crt_code != 0) {
      if (!OnEvents(events)) return;
    } else if (next_check_us_ != 0 && NowMicroseconds() >= next_check_us_) {
      next_check_us_ += StallIntervalMs() * 1000;
      CheckForStall();
      if (free_) return Release();
    } else {
      return;
    }
  }
}

void HttpConnection::CancelHere(const Exchange* exchange, int crt_code) {
  const HttpConnectionPtr self = shared_from_this();
  if (exchange_.get() == exchange) Fail(crt_code);
}

void HttpConnection::WatchAgain() {
  Post(loop_, [self = shared_from_this()] {
    if (!self->Watch()) return self->Shut(aws_last_error());
    self->Release();
  });
}

void HttpConnection::Begin(ExchangePtr exchange) {
  if (state_ != State::kIdle) return exchange->Finished(AWS_ERROR_HTTP_CONNECTION_CLOSED);
  state_ = State::kBusy;
  exchange_ = std::move(exchange);
  exchange_->connection_id = id_;
  text_size_ = decode_at_ = 0;
  if (text_.size() > kHeadSpace) std::vector<char>(kHeadSpace).swap(text_);
  in_body_ = body_sent_ = answered_ = blocked_ = false;
  send_head_ = exchange_->Head();
  send_left_ = Bytes(send_head_);
  send_body_ = exchange_->Body();
  WatchForStalls();
  Send();
  if (hang_up_ != 0 && exchange_) ReceiveAll();  // nobody tells it a second time
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
  while (!body_sent_) {
    iovec pieces[2] = {{const_cast<std::byte*>(send_left_.data), send_left_.size},
                       {const_cast<std::byte*>(send_body_.data), send_body_.size}};
    msghdr message{};
    message.msg_iov = pieces;
    message.msg_iovlen = 2;
    const ssize_t sent = sendmsg(socket_->descriptor(), &message, MSG_NOSIGNAL);
    if (sent < 0) {
      blocked_ = CodeOfErrno(errno) == AWS_IO_READ_WOULD_BLOCK;
      return blocked_ ? AWS_ERROR_SUCCESS : CodeOfErrno(errno);
    }
    Sent(static_cast<size_t>(sent));
  }
  return AWS_ERROR_SUCCESS;
}

int HttpConnection::SendTls() {
  while (!body_sent_) {
    const ConstBytes& next = send_left_.size != 0 ? send_left_ : send_body_;
    size_t sent = 0;
    const TlsStatus status = tls_->Send(next.data, std::min(next.size, kTlsSlice), &sent);
    blocked_ = status == TlsStatus::kWouldBlock;
    if (blocked_) return AWS_ERROR_SUCCESS;
    if (status != TlsStatus::kDone) return CodeOf(status);
    Sent(sent);
  }
  blocked_ = tls_->IsSending();
  return AWS_ERROR_SUCCESS;
}

// False when the connection may be another thread's now.
bool HttpConnection::OnEvents(SocketEvents events) {
  const HttpConnectionPtr self = shared_from_this();
  if (events.readable) OnReadable(AWS_ERROR_SUCCESS);
  if (events.writable && !free_) OnWritable();
  // What came before the end of the connection counts.
  if (events.crt_code != 0) hang_up_ = events.crt_code;
  if (events.crt_code != 0 && !free_) OnReadable(events.crt_code);
  const bool released = free_;
  if (released) Release();
  return !released;
}

void HttpConnection::OnWritable() {
  if (state_ == State::kClosed) return;
  if (tls_ && tls_->IsSending()) {
    const TlsStatus status = tls_->SendRest();
    if (status == TlsStatus::kWouldBlock) return;
    if (negotiated_ && status != TlsStatus::kDone) return SendFailed(CodeOf(status));
  }
  if (tls_ && !negotiated_) return Negotiate();
  if (!std::exchange(blocked_, false) || state_ != State::kBusy) return;
  Send();
}

void HttpConnection::OnReadable(int crt_code) {
  if (state_ == State::kClosed) return;
  if (tunnelling_) return TakeTunnel(crt_code);
  if (tls_ && !negotiated_) {
    Negotiate();
    if (!negotiated_ && crt_code != AWS_ERROR_SUCCESS) Fail(crt_code);
    return;
  }
  ReceiveAll();
}

// Until the socket has no more, or others must have their turn.
void HttpConnection::ReceiveAll() {
  size_t turn = socket_->watched() ? kTurnBytes : SIZE_MAX;
  while (state_ != State::kClosed) {
    if (answered_ && exchange_) {
      // The rest of the request is still to be sent.
      if (hang_up_ != 0) Complete();
      return;
    }
    const bool into_file = in_body_ && file_;
    void* into = in_body_ ? static_cast<void*>(body_.data) : text_.data() + text_size_;
    const size_t room = in_body_ ? std::min(body_.size, turn) : text_.size() - text_size_;
    size_t received = 0;
    const int crt_code =
        into_file ? ReceiveIntoFile(room, &received) : Receive(into, room, &received);
    if (crt_code == AWS_IO_READ_WOULD_BLOCK) {
      return hang_up_ != 0 ? Fail(hang_up_) : SetLowWater();
    }
    if (crt_code != AWS_ERROR_SUCCESS) return Fail(crt_code);
    if (state_ != State::kBusy) return Fail(AWS_ERROR_HTTP_PROTOCOL_ERROR);  // nobody asked
    progress_ += received;
    const ExchangePtr current = exchange_;
    Received(received);
    // A short read has emptied the socket, and a new request has no answer yet.
    const bool emptied = !tls_ && !into_file && received < room;
    if (exchange_ != current || (emptied && hang_up_ == 0)) return SetLowWater();
    turn -= std::min(turn, received);
    if (turn == 0) return Post(loop_, [self = shared_from_this()] { self->ReceiveMore(); });
  }
}

// After a turn of others.
void HttpConnection::ReceiveMore() {
  if (!socket_->watched()) return;
  ReceiveAll();
  if (free_) Release();
}

// Wakes up for many bytes at once where many are to come.
void HttpConnection::SetLowWater() {
  if (state_ == State::kClosed) return;
  const int wanted = in_body_ && body_.size > size_t{kLowWater + kMaxTlsRecord} ? kLowWater : 1;
  if (wanted == low_water_) return;
  low_water_ = wanted;
  setsockopt(socket_->descriptor(), SOL_SOCKET, SO_RCVLOWAT, &wanted, sizeof wanted);
}

int HttpConnection::Receive(void* into, size_t size, size_t* received) {
  if (tls_) return CodeOf(tls_->Receive(into, size, received));
  // A byte behind the body is asked for as well: there must be none.
  char behind = 0;
  iovec places[2] = {{into, size}, {&behind, in_body_ && size == body_.size ? size_t{1} : 0}};
  msghdr message{};
  message.msg_iov = places;
  message.msg_iovlen = 2;
  const ssize_t count = recvmsg(socket_->descriptor(), &message, 0);
  if (count < 0) return CodeOfErrno(errno);
  if (count == 0) return AWS_IO_SOCKET_CLOSED;
  left_over_ = static_cast<size_t>(count) > size;
  *received = std::min(size, static_cast<size_t>(count));
  return AWS_ERROR_SUCCESS;
}

int HttpConnection::ReceiveIntoFile(size_t size, size_t* received) {
  if (tls_) {
    const MutableBytes buffer = file_receiver_.buffer();
    const int crt_code = CodeOf(tls_->Receive(buffer.data, std::min(size, buffer.size), received));
    if (crt_code != AWS_ERROR_SUCCESS) return crt_code;
    *file_->error = WriteAt(file_->descriptor, {buffer.data, *received}, file_->offset);
  } else {
    const ssize_t count = file_receiver_.Receive(socket_->descriptor(), *file_, size);
    if (count < 0) return CodeOfErrno(errno);
    if (count == 0) return AWS_IO_SOCKET_CLOSED;
    *received = static_cast<size_t>(count);
    char behind = 0;
    left_over_ = *received == body_.size &&
                 recv(socket_->descriptor(), &behind, sizeof behind, MSG_PEEK) > 0;
  }
  return *file_->error == 0 ? AWS_ERROR_SUCCESS : AWS_ERROR_FILE_WRITE_FAILURE;
}

void HttpConnection::Received(size_t size) {
  if (!in_body_) {
    text_size_ += size;
    return TakeText();
  }
  if (file_)
    file_->offset += size;
  else
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
  file_ = place->file;
  in_body_ = true;
  first = first.substr(0, body_.size);
  if (file_) {
    const ConstBytes begin{reinterpret_cast<const std::byte*>(first.data()), first.size()};
    *file_->error = WriteAt(file_->descriptor, begin, file_->offset);
    if (*file_->error != 0) return Fail(AWS_ERROR_FILE_WRITE_FAILURE);
  } else if (!first.empty()) {
    std::memcpy(body_.data, first.data(), first.size());
  }
  Received(first.size());
}

void HttpConnection::Complete() {
  answered_ = true;
  const bool sent = body_sent_ && !(tls_ && tls_->IsSending());
  // The server has it all, only the socket has not said so yet.
  if (head_.status / 100 == 2 && !sent && hang_up_ == 0) return;
  if (tls_ && tls_->HasInput()) left_over_ = true;
  answered_exchange_ = std::move(exchange_);
  exchange_.reset();
  const bool clean = sent && !cut_ && !left_over_ && hang_up_ == 0;
  if (head_.keep_alive && clean) state_ = State::kIdle;
  free_ = true;
}

// For the next exchange, which goes out before the result of the last one is looked at; or to rest.
// The connection may be another thread's afterwards.
void HttpConnection::Release() {
  free_ = false;
  const ExchangePtr done = std::move(answered_exchange_);
  answered_exchange_.reset();
  if (state_ != State::kIdle || (done && hang_up_ != 0)) {
    Shut(AWS_ERROR_SUCCESS);
  } else if (ExchangePtr next = owner_->Next(shared_from_this(), done && done->IsDriven())) {
    Run(std::move(next));
  }
  if (done) done->Finished(AWS_ERROR_SUCCESS);
}

// ---- ending ----

void HttpConnection::Cancel(ExchangePtr exchange, int crt_code) {
  Post(loop_, [self = shared_from_this(), exchange = std::move(exchange), crt_code] {
    if (self->socket_->watched() && self->exchange_ == exchange) self->Fail(crt_code);
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
  if (socket_) socket_->Close();
  // The socket may be in a callback right now: its memory goes later.
  const HttpConnectionPtr self = std::move(self_);
  Post(loop_, [self] {});
  owner_->Gone(self, opened ? AWS_ERROR_SUCCESS : crt_code);
}

}  // namespace s3native::crt
