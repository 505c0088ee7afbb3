// The pool and the budget that every client, reader and writer of this process shares.
// Thread-safety: any thread. Ownership: never destroyed, so that slabs may outlive everything; a
// forked child gets its own on first use, since the parent's locks may have been held by threads
// that do not exist there.
#pragma once

#include <memory>

#include "s3native/memory.h"

namespace s3native {

struct ProcessMemory {
  std::shared_ptr<SlabPool> pool;
  std::unique_ptr<MemoryBudget> budget;
};

ProcessMemory& GetProcessMemory();

}  // namespace s3native
