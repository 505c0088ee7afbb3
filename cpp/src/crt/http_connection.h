// One HTTP/1.1 connection: a request at a time, its body sent from the caller's memory, the
// response's body received into the caller's memory, without a buffer between. That is what
// aws-c-http, which hands out messages of its own, cannot do, and half of the CPU of a transfer.
//
// An event loop watches the connection and does its work; or nobody does, and the thread that waits
// for the response drives it: that saves two changes of threads, a third of what a small object
// costs. Thread-safety: Open, Run, Cancel and Close from any thread; everything else belongs to the
// loop's thread, and while it is unwatched to the thread that the pool gave it to. Ownership:
// shared; an open connection keeps itself and its owner alive.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crt/connection.h"
#include "crt/file_receiver.h"
#include "crt/tls_stream.h"
#include "crt/watched_socket.h"
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
  std::optional<FilePlace> file = std::nullopt;  // takes the bytes, and `bytes` has only a size
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
  // Whether it costs the server's time rather than the line's: more connections may be opened for
  // it.
  virtual bool IsSmall() const { return false; }
  // Whether it goes before the others that wait: it is small, and much may wait for it.
  virtual bool IsUrgent() const { return false; }
  // Whether the thread that submits it waits for it, and would rather drive it.
  virtual bool IsDriven() const { return false; }
  // The response's head is here, and a body of `size` bytes follows. Nothing: it is not wanted,
  // which ends the exchange.
  virtual std::optional<BodyPlace> OnHead(const HttpHead& head, uint64_t size) = 0;
  // The CRT's code for what went wrong; 0 when the whole response has arrived,
  // AWS_ERROR_HTTP_CONNECTION_CLOSED when the request was not sent.
  virtual void Finished(int crt_code) = 0;

  uint64_t connection_id = 0;  // set before Head is called

  // The pool's, guarded by its mutex.
  std::shared_ptr<HttpConnection> connection;  // while on one that is watched
  int withdrawn = 0;                           // why, when withdrawn before it was on one

  // The submitting thread's: the connection that it drives.
  std::shared_ptr<HttpConnection> driven_on;
};
using ExchangePtr = std::shared_ptr<Exchange>;

class HttpConnection final : public std::enable_shared_from_this<HttpConnection> {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // The connection is free: the next exchange, or null to rest, in which case it may be another
    // thread's already. After a driven exchange it rests unwatched.
    virtual ExchangePtr Next(const std::shared_ptr<HttpConnection>& connection,
                             bool after_driven) = 0;
    // It is gone. `crt_code` says why when it could not be opened, and is 0 otherwise.
    virtual void Gone(const std::shared_ptr<HttpConnection>& connection, int crt_code) = 0;
  };

  HttpConnection(std::shared_ptr<Connection> settings, std::string host,
                 std::shared_ptr<Owner> owner, aws_event_loop* loop);
  ~HttpConnection();

  void Open();
  // Of a connection that rests: the loop begins with the exchange.
  void Run(ExchangePtr exchange);
  // Ends `exchange` with `crt_code` if it still runs here.
  void Cancel(ExchangePtr exchange, int crt_code);
  void Close();

  // On the loop's thread, of a connection that is free: from now on it is driven.
  void Unwatch() { socket_->Unwatch(); }
  // Of one that rests unwatched: begins with the exchange on this thread. False, and the connection
  // is gone, when the server has hung up meanwhile.
  bool RunHere(ExchangePtr exchange);
  // Moves what RunHere began along: until it has ended, `time_ms` have passed, or a signal has
  // come.
  void Drive(const Exchange* exchange, uint64_t time_ms);
  void CancelHere(const Exchange* exchange, int crt_code);
  // Gives one that rests unwatched back to the loop, and then to its owner.
  void WatchAgain();

 private:
  enum class State { kOpening, kIdle, kBusy, kClosed };

  void Connect();
  void Connected(int crt_code, int descriptor);
  bool Watch();
  void AskForTunnel();
  void TakeTunnel(int crt_code);
  void StartTls();
  void Negotiate();
  void Ready();
  void Continue(ExchangePtr exchange);
  bool IsQuiet();
  void Begin(ExchangePtr exchange);
  bool OnEvents(SocketEvents events);
  void OnReadable(int crt_code);
  void OnWritable();
  void Send();
  void SendFailed(int crt_code);
  int SendPlain();
  int SendTls();
  void Sent(size_t size);
  void ReceiveAll();
  void ReceiveMore();
  int Receive(void* into, size_t size, size_t* received);
  int ReceiveIntoFile(size_t size, size_t* received);
  void SetLowWater();
  void Received(size_t size);
  void TakeText();
  void GrowText();
  void StartBody(std::string_view first);
  void Complete();
  void Release();
  void Fail(int crt_code);
  void Shut(int crt_code);
  void WatchForStalls();
  void CheckLater();
  void CheckForStall();
  bool AwaitsHead() const { return body_sent_ && !in_body_; }
  uint64_t StallIntervalMs() const;
  uint64_t QuietLimitMs() const;

  const std::shared_ptr<Connection> settings_;
  const uint64_t id_;  // for those who watch
  const std::string host_;
  const std::shared_ptr<Owner> owner_;
  aws_event_loop* const loop_;

  State state_ = State::kOpening;
  std::unique_ptr<WatchedSocket> socket_;
  std::unique_ptr<TlsStream> tls_;
  bool tunnelling_ = false;  // the proxy has not answered yet
  bool negotiated_ = false;
  std::shared_ptr<HttpConnection> self_;  // while the socket is open

  ExchangePtr exchange_;
  bool free_ = false;              // for the next exchange: Release comes
  ExchangePtr answered_exchange_;  // which ended with that
  std::string send_head_;
  ConstBytes send_left_;  // of the head
  ConstBytes send_body_;  // what is left of it
  bool body_sent_ = false;
  bool blocked_ = false;  // the socket takes no more for now

  std::vector<char> text_;  // the response's head, and what came with it
  size_t text_size_ = 0;
  size_t decode_at_ = 0;  // of a body in chunks
  HttpHead head_;
  bool in_body_ = false;
  MutableBytes body_;              // what is still to be received
  std::optional<FilePlace> file_;  // where to, if not into memory
  FileReceiver file_receiver_;
  bool cut_ = false;  // the response has more than is wanted
  bool answered_ = false;
  bool left_over_ = false;  // bytes came that belong to no response
  int hang_up_ = 0;         // why nothing follows what the socket still holds
  int low_water_ = 1;       // bytes that wake this up

  uint64_t progress_ = 0;  // bytes moved, to see stalls
  uint64_t checked_progress_ = 0;
  uint64_t quiet_ms_ = 0;
  uint64_t next_check_us_ = 0;  // while driven
  bool timed_ = false;          // the loop has a check to come
};
using HttpConnectionPtr = std::shared_ptr<HttpConnection>;

}  // namespace s3native::crt
