// MD5, which S3 made part of its protocol: the digest of DeleteObjects, and ETags.
// Thread-safety: pure functions. Ownership: results by value.
#pragma once

#include <string>
#include <string_view>

namespace s3native {

// 16 raw bytes.
std::string Md5(std::string_view data);

}  // namespace s3native
