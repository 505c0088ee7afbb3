// A clock for durations. Thread-safety: any thread. Ownership: nothing.
#pragma once

#include <chrono>
#include <cstdint>

namespace s3native {

inline uint64_t NowMicroseconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

}  // namespace s3native
