#include "retry_policy.h"

#include <algorithm>

namespace s3native {

uint64_t RetryDelayMs(int retry, double random) {
  const int doublings = std::clamp(retry - 1, 0, 20);
  const uint64_t most = std::min(kRetryCapMs, kRetryBaseMs << doublings);
  return static_cast<uint64_t>(random * static_cast<double>(most));
}

std::optional<int64_t> ClockCorrection(int64_t server_s, int64_t local_s, int64_t offset_s) {
  constexpr int64_t kTolerance = 4 * 60;
  const int64_t wanted = server_s - local_s;
  if (wanted >= offset_s - kTolerance && wanted <= offset_s + kTolerance) return std::nullopt;
  return wanted;
}

bool RetryBudget::Take() {
  int tokens = tokens_.load(std::memory_order_relaxed);
  do {
    if (tokens < kRetryCost) return false;
  } while (!tokens_.compare_exchange_weak(tokens, tokens - kRetryCost, std::memory_order_relaxed));
  return true;
}

void RetryBudget::Return(bool after_retry) {
  int tokens = tokens_.load(std::memory_order_relaxed);
  const int amount = after_retry ? kRetryCost : 1;
  while (tokens < kCapacity &&
         !tokens_.compare_exchange_weak(tokens, std::min(kCapacity, tokens + amount),
                                        std::memory_order_relaxed)) {
  }
}

}  // namespace s3native
