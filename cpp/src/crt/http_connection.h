// One HTTP/1.1 connection on an event loop: a request at a time, its body sent from the caller's
// memory, the response's body received into the caller's memory, without a buffer between. That is
// what aws-c-http, which hands out messages of its own, cannot do, and half of the CPU of a
// transfer. Thread-safety: Open, Run, Cancel and Close from any thread; everything else happens on
// the event loop's thread. Ownership: shared; an open connection keeps itself and its owner alive.
#pragma once

#include <aws/io/socket.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crt/connection.h"
#include "crt/tls_stream.h"
#include "http_head.h"
#include "s3native/object_store.h"

namespace s3native::crt {

class HttpConnection;

// Where a response's body goes.
struct BodyPlace {
  MutableBytes bytes;
  // What does not fit is not wanted: the exchange ends well when `bytes` is full, and costs the
  // connection. Without it, a place that is too small ends the exchange.
  bool cut = false;
};

// One request and what becomes of its response. Exactly one call of Finished ends it; before that
// the memory it lent is not touched any more.
class Exchange {
 public:
  virtual ~Exchange() = default;
  // The request's head, up to and with its empty line, and its body. Called when a connection is
  // free for it.
  virtual std::string Head() = 0;
  virtual ConstBytes Body() = 0;
  // Whether the answer is a head only, whatever length it tells.
  virtual bool IsHeadRequest() const { return false; }
  // Whether the server has to work before it can answer.
  virtual bool IsLaborious() const { return false; }
  // Whether it goes before the others that wait: it is small, and much may wait for it.
  virtual bool IsUrgent() const { return false; }
  // The response's head is here, and a body of `size` bytes follows. Nothing: it is not wanted,
  // which ends the exchange.
  virtual std::optional<BodyPlace> OnHead(const HttpHead& head, uint64_t size) = 0;
  // The CRT's code for what went wrong; 0 when the whole response has arrived,
  // AWS_ERROR_HTTP_CONNECTION_CLOSED when the request was not sent.
  virtual void Finished(int crt_code) = 0;

  uint64_t connection_id = 0;  // set before Head is called

  // The pool's, guarded by its mutex.
  std::shared_ptr<HttpConnection> connection;  // while on one
  int withdrawn = 0;                           // why, when withdrawn before it was on one
};
using ExchangePtr = std::shared_ptr<Exchange>;

class HttpConnection final : public std::enable_shared_from_this<HttpConnection> {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // The connection is free: the next exchange, or null to rest.
    virtual ExchangePtr Next(const std::shared_ptr<HttpConnection>& connection) = 0;
    // It is gone. `crt_code` says why when it could not be opened, and is 0 otherwise.
    virtual void Gone(const std::shared_ptr<HttpConnection>& connection, int crt_code) = 0;
  };

  HttpConnection(std::shared_ptr<Connection> settings, std::string host,
                 std::shared_ptr<Owner> owner, aws_event_loop* loop);
  ~HttpConnection();

  void Open();
  void Run(ExchangePtr exchange);
  // Ends `exchange` with `crt_code` if it still runs here.
  void Cancel(ExchangePtr exchange, int crt_code);
  void Close();

 private:
  enum class State { kOpening, kIdle, kBusy, kClosed };

  static void OnResolved(aws_host_resolver*, const aws_string*, int crt_code,
                         const aws_array_list* addresses, void* user_data);
  static void OnConnected(aws_socket*, int crt_code, void* user_data);
  static void OnReadable(aws_socket*, int crt_code, void* user_data);
  static void OnWritten(aws_socket*, int crt_code, size_t size, void* user_data);
  static void OnRestWritten(aws_socket*, int crt_code, size_t size, void* user_data);

  void Resolve();
  void Connect();
  void Connected(int crt_code);
  void AskForTunnel();
  void TakeTunnel(int crt_code);
  void StartTls();
  void Negotiate();
  void Ready();
  void Begin(ExchangePtr exchange);
  void Send();
  void SendFailed(int crt_code);
  int SendPlain();
  int SendTls();
  void Sent(size_t size);
  void ReceiveAll();
  int Receive(void* into, size_t size, size_t* received);
  void SetLowWater();
  void Received(size_t size);
  void TakeText();
  void GrowText();
  void StartBody(std::string_view first);
  void Complete();
  void Fail(int crt_code);
  void Shut(int crt_code);
  void WatchForStalls();
  void WatchAgain(uint64_t interval_ms, uint64_t progress, uint64_t quiet_ms);
  bool AwaitsHead() const { return body_sent_ && !in_body_; }
  uint64_t QuietLimitMs() const;

  const std::shared_ptr<Connection> settings_;
  const uint64_t id_;  // for those who watch
  const std::string host_;
  const std::shared_ptr<Owner> owner_;
  aws_event_loop* const loop_;

  State state_ = State::kOpening;
  std::vector<std::pair<std::string, aws_socket_domain>> addresses_;  // those not tried yet
  aws_socket socket_{};
  bool socket_made_ = false;
  std::unique_ptr<TlsStream> tls_;
  bool tunnelling_ = false;  // the proxy has not answered yet
  bool negotiated_ = false;
  std::shared_ptr<HttpConnection> self_;  // while the socket is open

  ExchangePtr exchange_;
  std::string send_head_;
  ConstBytes send_left_;  // of the head
  ConstBytes send_body_;  // what is left of it
  bool body_sent_ = false;
  bool writing_ = false;  // the socket holds on to bytes

  std::vector<char> text_;  // the response's head, and what came with it
  size_t text_size_ = 0;
  size_t decode_at_ = 0;  // of a body in chunks
  HttpHead head_;
  bool in_body_ = false;
  MutableBytes body_;  // what is still to be received
  bool cut_ = false;   // the response has more than is wanted
  bool answered_ = false;
  bool left_over_ = false;  // bytes came that belong to no response
  int hang_up_ = 0;         // why nothing follows what the socket still holds
  int low_water_ = 1;       // bytes that wake this up

  uint64_t progress_ = 0;  // bytes moved, to see stalls
  bool watched_ = false;
};
using HttpConnectionPtr = std::shared_ptr<HttpConnection>;

}  // namespace s3native::crt
