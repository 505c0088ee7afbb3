// CRC64 checksums as S3 writes them in headers and XML: base64 of eight bytes, the most significant
// first. Thread-safety: pure functions. Ownership: results by value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace s3native {

// Twelve characters, the last one '='.
std::string Crc64ToBase64(uint64_t crc);

// Nothing when `text` is not exactly such twelve characters ("…=-3", a checksum of checksums,
// included).
std::optional<uint64_t> Base64ToCrc64(std::string_view text);

}  // namespace s3native
