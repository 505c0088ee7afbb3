#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <new>

#include "page_lock.h"
#include "s3native/memory.h"

namespace s3native {
namespace {

constexpr size_t kPageSize = 4096;
constexpr size_t kHugePageSize = 2u << 20;
constexpr size_t kLargestSize = std::numeric_limits<size_t>::max() / 2;

size_t RoundUp(size_t size, size_t step) { return (size + step - 1) / step * step; }

std::byte* MapPages(size_t size) {
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<std::byte*>(memory);
}

// Huge pages need memory that starts on their boundary: map more, give back what sticks out.
std::byte* MapHugePages(size_t size) {
  const size_t mapped = size + kHugePageSize - kPageSize;
  std::byte* begin = MapPages(mapped);
  if (begin == nullptr) return nullptr;
  const size_t misaligned = reinterpret_cast<uintptr_t>(begin) % kHugePageSize;
  const size_t head = misaligned == 0 ? 0 : kHugePageSize - misaligned;
  const size_t tail = mapped - head - size;
  if (head > 0) munmap(begin, head);
  if (tail > 0) munmap(begin + head + size, tail);
  madvise(begin + head, size, MADV_HUGEPAGE);  // a wish: kernels without it serve small pages
  return begin + head;
}

}  // namespace

Slab::~Slab() { pool_->Return(mapping_); }

SlabPool::~SlabPool() { Trim(0); }

// Eight classes for each doubling, whole pages: few classes, so slabs meet again, at little waste.
size_t SlabPool::SizeClass(size_t size) {
  if (size > kLargestSize) throw std::bad_alloc();
  const size_t step = std::bit_floor(std::max<size_t>(size, 1)) / 8;
  return RoundUp(std::max<size_t>(size, 1), std::max(step, kPageSize));
}

SlabPtr SlabPool::Allocate(size_t size) {
  const size_t capacity = SizeClass(size);
  std::optional<Mapping> mapping = TakeIdle(capacity);
  if (!mapping) mapping = Map(capacity);
  if (!mapping) {
    Trim(0);  // idle slabs of other classes may be what fills the address space or the limit
    mapping = Map(capacity);
  }
  if (!mapping) throw std::bad_alloc();
  {
    std::lock_guard lock(mutex_);
    stats_.in_use_bytes += capacity;
  }
  UnmapIdleAbove(std::nullopt, capacity);
  try {
    return std::make_shared<Slab>(shared_from_this(), *mapping);
  } catch (...) {
    Return(*mapping);
    throw;
  }
}

std::optional<Mapping> SlabPool::Map(size_t capacity) {
  Mapping mapping{capacity < kHugePageSize ? MapPages(capacity) : MapHugePages(capacity), capacity};
  if (mapping.data == nullptr) return std::nullopt;
  {
    std::lock_guard lock(mutex_);
    mapping.wanted = page_locking_;
  }
  mapping.locked = LockPages(mapping.wanted, mapping.data, mapping.size);
  std::lock_guard lock(mutex_);
  if (mapping.locked) stats_.locked_bytes += mapping.size;
  if (!mapping.locked && mapping.wanted != PageLocking::kNone) lock_refused_ = true;
  return mapping;
}

void SlabPool::Unmap(const Mapping& mapping) {
  if (mapping.locked) {
    UnlockPages(mapping.wanted, mapping.data, mapping.size);
    std::lock_guard lock(mutex_);
    stats_.locked_bytes -= mapping.size;
  }
  munmap(mapping.data, mapping.size);
}

void SlabPool::Trim(uint64_t keep) { UnmapIdleAbove(keep, 0); }

void SlabPool::set_limit(uint64_t bytes) {
  {
    std::lock_guard lock(mutex_);
    limit_ = bytes;
  }
  UnmapIdleAbove(std::nullopt, 0);
}

void SlabPool::set_page_locking(PageLocking wanted) {
  {
    std::lock_guard lock(mutex_);
    if (page_locking_ == wanted && !lock_refused_) return;  // else it may be granted by now
    page_locking_ = wanted;
    lock_refused_ = false;
  }
  Trim(0);
}

// With the mutex held.
uint64_t SlabPool::IdleAllowance() const {
  return std::max(limit_ - std::min(limit_, stats_.in_use_bytes), limit_ / 16);
}

SlabPoolStats SlabPool::stats() const {
  std::lock_guard lock(mutex_);
  return stats_;
}

// Runs in destructors, also on threads of the engine: never throws.
void SlabPool::Return(const Mapping& mapping) {
  bool kept = false;
  {
    std::lock_guard lock(mutex_);
    stats_.in_use_bytes -= mapping.size;
    try {
      if (mapping.size <= IdleAllowance() && mapping.wanted == page_locking_) {
        idle_[mapping.size].push_back(mapping);
        stats_.idle_bytes += mapping.size;
        kept = true;
      }
    } catch (const std::bad_alloc&) {
      // No room for the note that it is idle: unmap it.
    }
  }
  if (!kept) Unmap(mapping);
  UnmapIdleAbove(std::nullopt, mapping.size);
}

// The slab returned last: its pages are the likeliest to be in the cache.
std::optional<Mapping> SlabPool::TakeIdle(size_t capacity) {
  std::lock_guard lock(mutex_);
  const auto found = idle_.find(capacity);
  if (found == idle_.end() || found->second.empty()) {
    ++stats_.misses;
    return std::nullopt;
  }
  const Mapping mapping = found->second.back();
  found->second.pop_back();
  stats_.idle_bytes -= capacity;
  ++stats_.hits;
  return mapping;
}

// Down to `keep` bytes, or to the allowance. Takes from the class that holds the most, from
// `spared_class` only when it is the last. Unmaps outside the lock: for megabytes that takes the
// kernel a while.
void SlabPool::UnmapIdleAbove(std::optional<uint64_t> keep, size_t spared_class) {
  for (;;) {
    Mapping mapping;
    {
      std::lock_guard lock(mutex_);
      if (stats_.idle_bytes <= keep.value_or(IdleAllowance())) return;
      const auto weight = [spared_class](const auto& entry) {
        const size_t bytes = entry.first * entry.second.size();
        return std::pair(bytes > 0 && entry.first != spared_class, bytes);
      };
      const auto victim =
          std::max_element(idle_.begin(), idle_.end(),
                           [&](const auto& a, const auto& b) { return weight(a) < weight(b); });
      mapping = victim->second.front();  // the coldest
      victim->second.erase(victim->second.begin());
      stats_.idle_bytes -= mapping.size;
    }
    Unmap(mapping);
  }
}

}  // namespace s3native
