#include <chrono>

#include "s3native/memory.h"

namespace s3native {

bool MemoryBudget::TryReserve(uint64_t size, uint64_t stream_holds) {
  std::lock_guard lock(mutex_);
  // Written so that neither side overflows; reserved_ may exceed the limit by what was granted to
  // idle streams.
  const bool fits = reserved_ <= limit_ && size <= limit_ - reserved_;
  if (!fits && stream_holds > 0) return false;
  reserved_ += size;
  return true;
}

void MemoryBudget::Release(uint64_t size) {
  {
    std::lock_guard lock(mutex_);
    reserved_ -= size;
    ++release_count_;
  }
  released_.notify_all();  // all: the first to wake may need more than was released
}

uint64_t MemoryBudget::release_count() const {
  std::lock_guard lock(mutex_);
  return release_count_;
}

void MemoryBudget::WaitForRelease(uint64_t seen, int timeout_ms) {
  std::unique_lock lock(mutex_);
  released_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                     [&] { return release_count_ != seen; });
}

void MemoryBudget::WaitForRelease(int timeout_ms) { WaitForRelease(release_count(), timeout_ms); }

uint64_t MemoryBudget::reserved() const {
  std::lock_guard lock(mutex_);
  return reserved_;
}

}  // namespace s3native
