#include <chrono>

#include "s3native/memory.h"

namespace s3native {

bool MemoryBudget::TryReserve(uint64_t size, Claim claim) {
  std::lock_guard lock(mutex_);
  const uint64_t limit = claim == Claim::kSpare && reserved_ > 0 ? limit_ / 2 : limit_.load();
  // Written so that neither side overflows; reserved_ may exceed the limit by what was needed.
  const bool fits = reserved_ <= limit && size <= limit - reserved_;
  if (!fits && claim != Claim::kNeeded) return false;
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
