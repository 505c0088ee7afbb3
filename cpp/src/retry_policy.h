// Whether a request is sent again, and after how long: exponential backoff with full jitter, which
// spreads the retries of many clients best (AWS Architecture Blog, "Exponential Backoff And
// Jitter"), and a budget. Thread-safety: any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

namespace s3native {

// A first wait of at most 100 ms: a training step must not stall on one reset connection.
inline constexpr uint64_t kRetryBaseMs = 100;
inline constexpr uint64_t kRetryCapMs = 20'000;

// Milliseconds before retry number `retry` (1 is the first): between 0 and
// min(kRetryCapMs, kRetryBaseMs * 2^(retry - 1)), where `random` from [0, 1) says.
uint64_t RetryDelayMs(int retry, double random);

// Seconds to add to this machine's clock, which the server calls `server_s` and that so far was
// corrected by `offset_s`, when a request may have been refused for its time: S3 accepts 15 minutes
// of difference, other servers less. Nothing when the clocks agree well enough.
std::optional<int64_t> ClockCorrection(int64_t server_s, int64_t local_s, int64_t offset_s);

// What the requests of one client may spend on retries, so that a client does not multiply the load
// of a server that is down. A retry takes kRetryCost tokens; one that works gives them back, and a
// request that works at once gives one. While all works, one request in five may fail once; the AWS
// SDKs share these rules, but their 500 tokens would not last 32 requests through a restart of the
// server.
class RetryBudget {
 public:
  static constexpr int kCapacity = 5000;  // 100 requests, 10 attempts each
  static constexpr int kRetryCost = 5;

  // Whether there may be a retry.
  bool Take();
  // A request has worked, after a retry or at once.
  void Return(bool after_retry);

 private:
  std::atomic<int> tokens_{kCapacity};
};

}  // namespace s3native
