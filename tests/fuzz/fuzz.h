// What the fuzz targets share.
// Thread-safety: pure functions. Ownership: views into the argument.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace s3native::fuzz {

// Stops at a property that does not hold; libFuzzer then keeps the input.
inline void Require(bool holds, const char* property) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", property);
  std::abort();
}

inline std::string_view View(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// A position in the text, its ends included, that follows from the text: any, yet repeatable.
inline size_t Cut(std::string_view text) {
  uint64_t hash = 14695981039346656037u;  // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return (hash >> 16) % (text.size() + 1);
}

// Takes the piece up to the next separator, or all there is, off `text`.
inline std::string_view TakePiece(std::string_view* text, char separator) {
  const size_t end = text->find(separator);
  const std::string_view piece = text->substr(0, end);
  text->remove_prefix(end == std::string_view::npos ? text->size() : end + 1);
  return piece;
}

inline bool Holds(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// Whether Python can make a str of it: no cut sequence, no surrogate, nothing overlong.
inline bool IsUtf8(std::string_view text) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  for (size_t i = 0; i < text.size();) {
    const size_t more = byte(i) < 0x80   ? 0
                        : byte(i) < 0xC2 ? 9
                        : byte(i) < 0xE0 ? 1
                        : byte(i) < 0xF0 ? 2
                        : byte(i) < 0xF5 ? 3
                                         : 9;
    if (more == 9) return false;
    uint32_t point = more == 0 ? byte(i) : byte(i) & (0x3Fu >> more);
    for (size_t k = 1; k <= more; ++k) {
      if (byte(i + k) >> 6 != 2) return false;
      point = point << 6 | (byte(i + k) & 0x3F);
    }
    if (more == 2 && (point < 0x800 || point >> 11 == 0xD800 >> 11)) return false;
    if (more == 3 && (point < 0x10000 || point > 0x10FFFF)) return false;
    i += more + 1;
  }
  return true;
}

}  // namespace s3native::fuzz
