// SHA-256 and its HMAC, for request signatures.
// Thread-safety: pure functions. Ownership: results by value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace s3native {

// 32 raw bytes.
std::string Sha256(std::string_view data);
std::string HmacSha256(std::string_view key, std::string_view data);

}  // namespace s3native
