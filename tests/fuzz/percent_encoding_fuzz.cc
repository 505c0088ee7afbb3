// Properties of percent-encoding, and of the request paths made with it.
#include <algorithm>
#include <optional>
#include <string>

#include "fuzz.h"
#include "percent_encoding.h"
#include "s3native/config.h"

namespace s3native::fuzz {
namespace {

bool IsPathByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-_.~%/").find(c) != std::string_view::npos;
}

void CheckEncode(std::string_view text) {
  for (const bool keep_slash : {false, true}) {
    const std::string encoded = PercentEncode(text, keep_slash);
    Require(std::all_of(encoded.begin(), encoded.end(), IsPathByte), "encoded text fits a URL");
    Require(keep_slash || !Holds(encoded, "/"), "slashes are encoded in queries");
    for (const PlusSign plus : {PlusSign::kLiteral, PlusSign::kSpace})
      Require(PercentDecode(encoded, plus) == text, "encoded and decoded is the same");
  }
}

void CheckDecode(std::string_view text) {
  const std::optional<std::string> literal = PercentDecode(text, PlusSign::kLiteral);
  const std::optional<std::string> spaced = PercentDecode(text, PlusSign::kSpace);
  Require(literal.has_value() == spaced.has_value(), "a plus sign is never malformed");
  Require(literal || Holds(text, "%"), "only a percent sign can be malformed");
  if (!literal) return;
  Require(literal->size() == spaced->size() && literal->size() <= text.size(),
          "decoding adds nothing");
  Require(Holds(text, "+") || literal == spaced, "only a plus sign makes a difference");
}

void CheckPath(std::string_view key) {
  Config config;
  config.host = "host";
  for (const bool path_style : {false, true}) {
    config.path_style = path_style;
    const std::string path = RequestPath(config, "bucket", key);
    const std::string before = path_style ? (key.empty() ? "/bucket" : "/bucket/") : "/";
    Require(path.starts_with(before), "a path begins with its bucket");
    Require(PercentDecode(std::string_view(path).substr(before.size()), PlusSign::kLiteral) == key,
            "a path holds its key");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = View(data, size);
  CheckEncode(text);
  CheckDecode(text);
  CheckPath(text);
  return 0;
}

}  // namespace s3native::fuzz
