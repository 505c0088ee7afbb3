// Kept-alive HTTP/1.1 connections to one host and a queue of requests for them. A connection that
// finishes a request takes the next one on its own event loop, without a thread hop: at 100 KB per
// object that hop, and the bookkeeping of an aws-c-s3 meta request, would cost as much CPU as the
// bytes. Thread-safety: any thread. Ownership: shared; connections keep their pool alive until they
// are closed. Close() lets go of those that rest.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "crt/http_connection.h"

namespace s3native::crt {

class HttpPool final : public HttpConnection::Owner, public std::enable_shared_from_this<HttpPool> {
 public:
  HttpPool(std::shared_ptr<Connection> settings, std::string host)
      : settings_(std::move(settings)), host_(std::move(host)) {}

  void Submit(ExchangePtr exchange);
  // The same for a driven exchange, on the thread that will drive it: that it does, on
  // exchange->driven_on, if a connection rests that nobody watches. Else false, and nothing is
  // done.
  bool SubmitHere(const ExchangePtr& exchange);
  // Ends the exchange early: taken from the queue, or its connection is closed. Finished follows
  // with `crt_code`.
  void Withdraw(const ExchangePtr& exchange, int crt_code);
  // Before an exchange that has finished is submitted again.
  void Forget(const ExchangePtr& exchange);
  void Close();

  ExchangePtr Next(const HttpConnectionPtr& connection, bool after_driven) override;
  void Gone(const HttpConnectionPtr& connection, int crt_code) override;

 private:
  // A connection that rests and that no loop watches, so that it can be driven at once.
  struct Parked {
    HttpConnectionPtr connection;
    uint64_t since_us = 0;
  };

  HttpConnectionPtr TakeResting();
  void Park(const HttpConnectionPtr& connection);
  void SweepLater();
  void Sweep();
  void Open();

  const std::shared_ptr<Connection> settings_;
  const std::string host_;
  std::mutex mutex_;
  std::deque<ExchangePtr> queue_;
  std::vector<HttpConnectionPtr> idle_;  // watched
  std::vector<Parked> parked_;           // the one that rests for the longest time first
  bool sweeping_ = false;
  size_t open_ = 0;  // connected or connecting
  size_t opened_ = 0;
  bool closed_ = false;
};

}  // namespace s3native::crt
