#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "ascii.h"
#include "s3native/object.h"

namespace s3native {
namespace {

constexpr std::string_view kUnit = "bytes";

std::optional<uint64_t> ParseNumber(std::string_view text) {
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [next, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || next != end) return std::nullopt;
  return value;
}

// "0-9", both inclusive.
std::optional<ByteRange> ParseInclusive(std::string_view text) {
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = ParseNumber(text.substr(0, dash));
  const auto last = ParseNumber(text.substr(dash + 1));
  if (!first || !last || *first > *last || *last == std::numeric_limits<uint64_t>::max())
    return std::nullopt;
  return ByteRange{*first, *last + 1};
}

}  // namespace

std::string ByteRange::ToString() const {
  return "[" + std::to_string(start) + ", " + (end ? std::to_string(*end) : "") + ")";
}

std::string ByteRange::ToHttpHeader() const {
  if (!end) return "bytes=" + std::to_string(start) + "-";
  if (*end <= start) return "";
  return "bytes=" + std::to_string(start) + "-" + std::to_string(*end - 1);
}

std::optional<ContentRange> ParseContentRange(std::string_view header) {
  header = TrimAscii(header);
  if (header.substr(0, kUnit.size()) != kUnit) return std::nullopt;
  header.remove_prefix(kUnit.size());
  if (header.empty() || (header[0] != ' ' && header[0] != '\t')) return std::nullopt;
  header = TrimAscii(header);
  const size_t slash = header.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view range = header.substr(0, slash);
  const std::string_view size = header.substr(slash + 1);

  ContentRange result;
  if (range != "*" && !(result.range = ParseInclusive(range))) return std::nullopt;
  if (size != "*" && !(result.size = ParseNumber(size))) return std::nullopt;
  if (!result.range && !result.size) return std::nullopt;
  if (result.range && result.size && *result.range->end > *result.size) return std::nullopt;
  return result;
}

}  // namespace s3native
