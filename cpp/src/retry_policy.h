// How long to wait before a request is sent again: exponential backoff with full jitter, which
// spreads the retries of many clients best (AWS Architecture Blog, "Exponential Backoff And
// Jitter"). Thread-safety: pure function.
#pragma once

#include <cstdint>

namespace s3native {

// A first wait of at most 100 ms: a training step must not stall on one reset connection.
inline constexpr uint64_t kRetryBaseMs = 100;
inline constexpr uint64_t kRetryCapMs = 20'000;

// Milliseconds before retry number `retry` (1 is the first): between 0 and
// min(kRetryCapMs, kRetryBaseMs * 2^(retry - 1)), where `random` from [0, 1) says.
uint64_t RetryDelayMs(int retry, double random);

}  // namespace s3native
