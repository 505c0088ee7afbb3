#include "retry_policy.h"

#include <algorithm>

namespace s3native {

uint64_t RetryDelayMs(int retry, double random) {
  const int doublings = std::clamp(retry - 1, 0, 20);
  const uint64_t most = std::min(kRetryCapMs, kRetryBaseMs << doublings);
  return static_cast<uint64_t>(random * static_cast<double>(most));
}

}  // namespace s3native
