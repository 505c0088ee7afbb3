#include "record_header.h"

#include <cstdint>
#include <cstring>

#include "s3native/checksums.h"

namespace s3native::tensorflow {
namespace {

constexpr size_t kLength = 8;

// As TensorFlow stores checksums: a checksum of what contains checksums would be weak.
uint32_t Masked(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

}  // namespace

bool IsRecordHeader(const std::byte* data) {
  uint32_t stored = 0;
  std::memcpy(&stored, data + kLength, sizeof(stored));
  return stored == Masked(Crc32c(data, kLength));
}

}  // namespace s3native::tensorflow
