// The process's memory: one budget for everything in flight, one pool of slabs for what is
// received.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace s3native {

class SlabPool;

// How memory of the pool is page-locked ("pinned").
enum class PageLocking {
  kNone,
  kMlock,
  kCuda,  // by cudaHostRegister, which lets GPUs read it
};

// Pages of the pool.
struct Mapping {
  std::byte* data = nullptr;
  size_t size = 0;
  PageLocking wanted = PageLocking::kNone;
  bool locked = false;  // as wanted
};

// A refcounted piece of pool memory. Its slab returns to the pool when the last shared_ptr dies.
// Thread-safety: as the memory it points to; the pointer and capacity never change.
class Slab {
 public:
  Slab(std::shared_ptr<SlabPool> pool, const Mapping& mapping)
      : pool_(std::move(pool)), mapping_(mapping) {}
  ~Slab();
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  std::byte* data() const { return mapping_.data; }  // aligned to 4096 bytes
  size_t capacity() const { return mapping_.size; }  // bytes
  bool page_locked() const { return mapping_.locked; }

 private:
  std::shared_ptr<SlabPool> pool_;
  const Mapping mapping_;
};
using SlabPtr = std::shared_ptr<Slab>;

struct SlabPoolStats {
  uint64_t in_use_bytes = 0;  // handed out, to transfers or to the user
  uint64_t idle_bytes = 0;    // kept for reuse, already faulted in
  uint64_t hits = 0;          // allocations served from idle slabs
  uint64_t misses = 0;        // allocations that mapped fresh memory
  uint64_t locked_bytes = 0;  // page-locked, in use or idle
};

// Size-classed slabs of mapped memory, reused so that pages are faulted in once.
// Thread-safety: all methods, any thread; never called from engine callbacks except for returning
// slabs. Ownership: create with std::make_shared; slabs keep the pool alive.
class SlabPool : public std::enable_shared_from_this<SlabPool> {
 public:
  // What is in use and what is idle together stay within `limit` bytes as far as idle memory can
  // give way; a sixteenth of it may be idle in any case, so that small slabs are reused beside
  // large ones that somebody keeps. The other size classes give way to the one asked for, so that a
  // change of sizes does not leave the pool full of slabs that nobody asks for.
  explicit SlabPool(uint64_t limit) : limit_(limit) {}
  ~SlabPool();

  // A slab of at least `size` bytes (its class's size). Throws std::bad_alloc when the kernel
  // refuses.
  SlabPtr Allocate(size_t size);
  // The size class that Allocate(size) takes: at most 12.5 % or one page above it.
  static size_t SizeClass(size_t size);
  // Unmaps idle slabs until at most `keep` idle bytes are left.
  void Trim(uint64_t keep);
  void set_limit(uint64_t bytes);
  // Of slabs allocated from now on; as far as the system lets us, see Slab::page_locked.
  void set_page_locking(PageLocking wanted);
  SlabPoolStats stats() const;

 private:
  friend class Slab;
  void Return(const Mapping& mapping);
  std::optional<Mapping> TakeIdle(size_t capacity);
  std::optional<Mapping> Map(size_t capacity);
  void Unmap(const Mapping& mapping);
  uint64_t IdleAllowance() const;
  void UnmapIdleAbove(std::optional<uint64_t> keep, size_t spared_class);

  mutable std::mutex mutex_;
  uint64_t limit_;
  PageLocking page_locking_ = PageLocking::kNone;
  bool lock_refused_ = false;
  std::map<size_t, std::vector<Mapping>> idle_;  // mapped for page_locking_
  SlabPoolStats stats_;
};

// How badly somebody wants memory of the budget.
enum class Claim {
  kSpare,   // can do without: granted as long as half of the limit stays free, or all of it was
  kShare,   // can wait, for others or for what it holds itself
  kNeeded,  // holds nothing that it could wait for: granted in any case
};

// Bytes that may be in flight at once. Streams reserve before they start a transfer and release
// when it has left their hands; at the limit they wait. A stream that holds nothing needs its
// reservation, so nobody deadlocks and a piece larger than the whole budget still moves.
// Thread-safety: all methods, any thread.
class MemoryBudget {
 public:
  explicit MemoryBudget(uint64_t limit) : limit_(limit) {}

  void set_limit(uint64_t limit) { limit_.store(limit, std::memory_order_relaxed); }

  bool TryReserve(uint64_t size, Claim claim);
  void Release(uint64_t size);
  // How often something was released. Read it before TryReserve and pass it to WaitForRelease: a
  // release between the two is then not missed.
  uint64_t release_count() const;
  // Blocks until release_count() differs from `seen` or `timeout_ms` passed (0 or less: does not
  // block).
  void WaitForRelease(uint64_t seen, int timeout_ms);
  // Blocks until something is released from now on or `timeout_ms` passed.
  void WaitForRelease(int timeout_ms);
  uint64_t limit() const { return limit_.load(std::memory_order_relaxed); }
  uint64_t reserved() const;

 private:
  std::atomic<uint64_t> limit_;
  mutable std::mutex mutex_;
  std::condition_variable released_;
  uint64_t reserved_ = 0;
  uint64_t release_count_ = 0;
};

}  // namespace s3native
