// Small text functions that, unlike <cctype>'s, do not follow the locale.
// Thread-safety: pure functions. Ownership: results by value, or views into the argument.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace s3native {

inline char LowerAscii(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

inline std::string LowerAscii(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = LowerAscii(c);
  return out;
}

inline bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (LowerAscii(a[i]) != LowerAscii(b[i])) return false;
  }
  return true;
}

inline constexpr std::string_view kAsciiBlanks = " \t\r\v\f";

// Without blanks at both ends.
inline std::string_view TrimAscii(std::string_view text) {
  const size_t first = text.find_first_not_of(kAsciiBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kAsciiBlanks) - first + 1);
}

inline bool IsControlByte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

}  // namespace s3native
