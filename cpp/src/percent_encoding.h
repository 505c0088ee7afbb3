// Percent-encoding as S3's signatures and its `encoding-type=url` listings use it.
// Thread-safety: pure functions. Ownership: results by value.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace s3native {

// Every byte but A-Z a-z 0-9 - _ . ~ becomes %XX in upper case; with `keep_slash` '/' stays too
// (paths, not queries).
std::string PercentEncode(std::string_view text, bool keep_slash);

enum class PlusSign {
  kLiteral,  // paths
  kSpace,    // listings with encoding-type=url, where S3 writes a space as '+' and a plus as %2B
};

// Nothing when a '%' is not followed by two hexadecimal digits.
std::optional<std::string> PercentDecode(std::string_view text, PlusSign plus);

}  // namespace s3native
