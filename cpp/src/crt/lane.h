// Kept-alive HTTP/1.1 connections to one authority and a queue of single requests for them. A
// connection that finishes a request takes the next one on its own event loop, without a thread
// hop: at 100 KB per object that hop, and the bookkeeping of a meta request, would cost as much CPU
// as the bytes. Thread-safety: Submit, Withdraw and Close from any thread; Exchange's methods are
// called from event loop threads. Ownership: shared; connections keep their lane alive until they
// have shut down. Close() lets go of the idle ones.
#pragma once

#include <aws/http/connection.h>

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "crt/connection.h"

namespace s3native::crt {

// One request and what becomes of its response. Exactly one call of Finished ends it.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual aws_http_message* message() = 0;
  virtual void OnStatus(int status) = 0;
  virtual void OnHeader(std::string_view name, std::string_view value) = 0;
  virtual bool OnBody(const uint8_t* data, size_t size) = 0;  // false: give up
  // `crt_code` is 0 when the whole response has arrived.
  virtual void Finished(int crt_code) = 0;

  // Guarded by the lane's mutex.
  aws_http_stream* stream = nullptr;  // while on a connection
  int withdrawn = 0;                  // why, when withdrawn before it was on one
};
using ExchangePtr = std::shared_ptr<Exchange>;

class Lane : public std::enable_shared_from_this<Lane> {
 public:
  Lane(std::shared_ptr<Connection> connection, size_t max_connections)
      : connection_(std::move(connection)), max_connections_(max_connections) {}

  void Submit(ExchangePtr exchange);
  // Ends the exchange early: taken from the queue, or its connection is closed. Finished follows
  // with `crt_code`.
  void Withdraw(const ExchangePtr& exchange, int crt_code);
  void Close();

 private:
  struct Slot;  // one connection's user data
  struct Turn;  // one exchange on one connection

  static void OnSetup(aws_http_connection* connection, int crt_code, void* user_data);
  static void OnShutdown(aws_http_connection* connection, int crt_code, void* user_data);
  static int OnHeaders(aws_http_stream*, aws_http_header_block, const aws_http_header*, size_t,
                       void* user_data);
  static int OnBody(aws_http_stream*, const aws_byte_cursor* data, void* user_data);
  static void OnComplete(aws_http_stream* stream, int crt_code, void* user_data);

  void Connect();
  void Connected(aws_http_connection* connection, int crt_code);
  void Run(aws_http_connection* connection, ExchangePtr exchange);
  void Reuse(aws_http_connection* connection);

  const std::shared_ptr<Connection> connection_;
  const size_t max_connections_;
  std::mutex mutex_;
  std::deque<ExchangePtr> queue_;
  std::vector<aws_http_connection*> idle_;
  size_t open_ = 0;  // connected or connecting
  bool closed_ = false;
};

}  // namespace s3native::crt
