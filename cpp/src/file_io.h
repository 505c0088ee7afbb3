// Bytes into and out of a file at their offsets, by system calls. Thread-safety: all functions, any
// thread. Ownership: memory and descriptors are borrowed.
#pragma once

#include <cstdint>
#include <mutex>

#include "s3native/object_store.h"

namespace s3native {

// Held while a file is written to: the kernel, whose own lock lets one writer in at a time, has the
// others spin.
std::unique_lock<std::mutex> LockForWriting(int descriptor);

// 0, or the errno with which it failed.
int WriteAt(int descriptor, ConstBytes data, uint64_t offset);

struct FileChecksum {
  uint64_t crc64nvme = 0;
  int error = 0;  // an errno; EIO: the file is shorter
};
FileChecksum ChecksumOf(int descriptor, const ByteRange& range);

}  // namespace s3native
