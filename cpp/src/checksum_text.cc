#include "checksum_text.h"

#include <cstddef>

namespace s3native {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr size_t kDigits = 11;  // 64 bits are ten digits of six bits and one of four

}  // namespace

std::string Crc64ToBase64(uint64_t crc) {
  std::string text;
  for (int shift = 58; shift >= 4; shift -= 6) text += kAlphabet[(crc >> shift) & 63];
  text += kAlphabet[(crc & 15) << 2];
  return text + "=";
}

std::optional<uint64_t> Base64ToCrc64(std::string_view text) {
  if (text.size() != kDigits + 1 || text.back() != '=') return std::nullopt;
  uint64_t crc = 0;
  for (size_t i = 0; i < kDigits; ++i) {
    const size_t digit = kAlphabet.find(text[i]);
    if (digit == std::string_view::npos) return std::nullopt;
    const bool last = i + 1 == kDigits;
    if (last && (digit & 3) != 0) return std::nullopt;  // bits beyond the eighth byte
    crc = last ? crc << 4 | digit >> 2 : crc << 6 | digit;
  }
  return crc;
}

}  // namespace s3native
