// Page-locks memory, so that the kernel never moves it. What is registered with CUDA a GPU reads
// itself; other memory its driver copies first.
//
// The CUDA runtime is looked for each time until it is found: the process's own, else what the
// loader finds. Thread-safety: all functions, any thread. Ownership: the memory stays the caller's,
// who must unlock what was locked before unmapping it.
#pragma once

#include <cstddef>

#include "s3native/memory.h"

namespace s3native {

// Whether the memory is page-locked afterwards: the kernel (RLIMIT_MEMLOCK) or CUDA may refuse, or
// there may be no CUDA. Never for kNone.
bool LockPages(PageLocking how, std::byte* data, size_t size);
void UnlockPages(PageLocking how, std::byte* data, size_t size);

}  // namespace s3native
