// CRC64NVME, the checksum S3 recommends: full-object, combinable from parts, 20 GB/s and more with
// carry-less multiply; and CRC32C, which TensorFlow's records have. Thread-safety: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>

namespace s3native {

// Extends `previous` (0 to start) by `size` bytes.
uint64_t Crc64Nvme(const void* data, size_t size, uint64_t previous = 0);
// The checksum of A followed by B, from theirs and B's size in bytes.
uint64_t CombineCrc64Nvme(uint64_t crc_a, uint64_t crc_b, uint64_t size_b);
// Extends `previous` (0 to start) by `size` bytes.
uint32_t Crc32c(const void* data, size_t size, uint32_t previous = 0);

}  // namespace s3native
