// How a record of a TFRecord file begins: its length in 8 bytes, and their masked CRC32C in 4,
// little endian. Thread-safety: a pure function.
#pragma once

#include <cstddef>

namespace s3native::tensorflow {

constexpr size_t kRecordHeader = 12;

// Whether these `kRecordHeader` bytes are one: of others, one in 2^32 would pass.
bool IsRecordHeader(const std::byte* data);

}  // namespace s3native::tensorflow
