// Properties of ParseHttpDate and ParseIso8601, against the C library's calendar.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>

#include "fuzz.h"
#include "time_format.h"

namespace s3native::fuzz {
namespace {

constexpr int64_t kFirst = -62167219200000;  // 0000-01-01T00:00:00.000Z
constexpr int64_t kLast = 253402300799999;   // 9999-12-31T23:59:59.999Z

int MillisecondOf(int64_t unix_ms) { return static_cast<int>((unix_ms - kFirst) % 1000); }

tm Calendar(int64_t unix_ms) {
  const time_t seconds = (unix_ms - MillisecondOf(unix_ms)) / 1000;
  tm utc{};
  gmtime_r(&seconds, &utc);
  return utc;
}

std::string PrintHttpDate(int64_t unix_ms) {
  const tm utc = Calendar(unix_ms);
  char day[16], month[16], text[64];
  strftime(day, sizeof day, "%a", &utc);
  strftime(month, sizeof month, "%b", &utc);
  const int size =
      std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", day, utc.tm_mday,
                    month, utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
  return {text, static_cast<size_t>(size)};
}

std::string PrintIso8601(int64_t unix_ms) {
  const tm utc = Calendar(unix_ms);
  char text[64];
  const int size = std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                                 utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour,
                                 utc.tm_min, utc.tm_sec, MillisecondOf(unix_ms));
  return {text, static_cast<size_t>(size)};
}

void CheckHttpDate(std::string_view text) {
  const int64_t unix_ms = ParseHttpDate(text);
  if (unix_ms == 0) return;
  Require(unix_ms >= kFirst && unix_ms <= kLast + 1000, "a time is in the calendar");
  if (text.substr(23, 2) == "60") return;  // a leap second prints as the next minute's first
  // The day of the week is not looked at.
  Require(text.substr(3) == PrintHttpDate(unix_ms).substr(3), "a date printed is the same");
}

void CheckIso8601(std::string_view text) {
  const int64_t unix_ms = ParseIso8601(text);
  if (unix_ms == 0) return;
  Require(unix_ms >= kFirst && unix_ms <= kLast + 1000, "a time is in the calendar");
  if (text.substr(17, 2) == "60") return;
  std::string fraction(text.substr(19));
  fraction = fraction == "Z" ? ".000" : fraction.substr(0, fraction.size() - 1) + "00";
  Require(std::string(text.substr(0, 19)) + fraction.substr(0, 4) + "Z" == PrintIso8601(unix_ms),
          "a time printed is the same");
}

void CheckNumber(std::string_view bytes) {
  uint64_t number = 0;
  std::memcpy(&number, bytes.data(), std::min(bytes.size(), sizeof number));
  const int64_t unix_ms = kFirst + static_cast<int64_t>(number % (kLast - kFirst + 1));
  Require(ParseIso8601(PrintIso8601(unix_ms)) == unix_ms, "a time printed parses");
  Require(ParseHttpDate(PrintHttpDate(unix_ms)) == unix_ms - MillisecondOf(unix_ms),
          "a date printed parses");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = View(data, size);
  CheckHttpDate(text);
  CheckIso8601(text);
  CheckNumber(text);
  return 0;
}

}  // namespace s3native::fuzz
