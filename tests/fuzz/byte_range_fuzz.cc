// Properties of ParseContentRange and ByteRange.
#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>

#include "fuzz.h"
#include "s3native/object.h"

namespace s3native::fuzz {
namespace {

std::string Print(const ContentRange& content) {
  std::string text = "bytes *";
  if (content.range) {
    text = "bytes " + std::to_string(content.range->start) + "-" +
           std::to_string(*content.range->end - 1);
  }
  return text + "/" + (content.size ? std::to_string(*content.size) : "*");
}

// Without the zeros in front of numbers, and without blanks.
std::string Normalised(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    const bool first = out.empty() || !is_digit(out.back());
    if (text[i] == '0' && first && i + 1 < text.size() && is_digit(text[i + 1])) continue;
    if (!Holds(" \t\r\v\f", text.substr(i, 1))) out += text[i];
  }
  return out;
}

void CheckHeader(std::string_view text) {
  const std::optional<ContentRange> content = ParseContentRange(text);
  if (!content) return;
  Require(content->range || content->size, "something is known");
  if (content->range) {
    Require(content->range->end && content->range->start < *content->range->end,
            "a range is not empty");
    Require(!content->size || *content->range->end <= *content->size, "a range is in its object");
  }
  // Equal digits: no number wraps.
  Require(Normalised(text) == Normalised(Print(*content)), "a header printed is the same");
  const std::optional<ContentRange> again = ParseContentRange(Print(*content));
  Require(again && again->range == content->range && again->size == content->size,
          "a header printed parses");
}

void CheckRange(std::string_view bytes) {
  std::array<uint64_t, 2> ends = {};
  std::memcpy(ends.data(), bytes.data(), std::min(bytes.size(), sizeof ends));
  const ByteRange range{ends[0], ends[1]};
  const std::string header = range.ToHttpHeader();
  Require(header.empty() == (ends[1] <= ends[0]), "an empty range has no header");
  if (header.empty()) return;
  Require(header.starts_with("bytes="), "the unit is bytes");
  const auto content = ParseContentRange("bytes " + header.substr(6) + "/*");
  Require(content && content->range == range, "a range's header says the range");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = View(data, size);
  CheckHeader(text);
  CheckRange(text);
  return 0;
}

}  // namespace s3native::fuzz
