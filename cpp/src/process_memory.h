// The pool and the budget that every client, reader and writer of this process shares.
// Thread-safety: any thread. Ownership: never destroyed, so that slabs may outlive everything; a
// forked child gets its own on first use, since the parent's locks may have been held by threads
// that do not exist there.
#pragma once

#include <atomic>
#include <memory>

#include "s3native/config.h"
#include "s3native/memory.h"

namespace s3native {

struct ProcessMemory {
  // By a client's configuration; what it did not ask for leaves what another asked for.
  void Configure(const Config& config);

  std::shared_ptr<SlabPool> pool;
  std::unique_ptr<MemoryBudget> budget;
  std::atomic<bool> limit_was_given = false;
};

ProcessMemory& GetProcessMemory();

// Pool memory that counts against the budget for as long as this lives.
class ReservedSlab {
 public:
  // Null when the budget does not grant it: see MemoryBudget::TryReserve.
  static std::unique_ptr<ReservedSlab> TryAllocate(ProcessMemory& memory, uint64_t size,
                                                   Claim claim);
  ~ReservedSlab();
  ReservedSlab(const ReservedSlab&) = delete;
  ReservedSlab& operator=(const ReservedSlab&) = delete;

  const SlabPtr& slab() const { return slab_; }
  std::byte* data() const { return slab_->data(); }
  uint64_t size() const { return size_; }          // asked for
  uint64_t reserved() const { return reserved_; }  // of the budget

 private:
  ReservedSlab(MemoryBudget& budget, uint64_t size) : budget_(budget), size_(size) {}

  MemoryBudget& budget_;
  const uint64_t size_;
  uint64_t reserved_ = 0;
  SlabPtr slab_;
};

}  // namespace s3native
