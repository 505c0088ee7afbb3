#include "time_format.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>

namespace s3native {
namespace {

constexpr std::array<std::string_view, 7> kWeekdays = {"Sun", "Mon", "Tue", "Wed",
                                                       "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// Takes text from the front, piece by piece; once a piece does not fit, everything after fails too.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  void Literal(std::string_view expected) {
    ok_ = ok_ && rest_.substr(0, expected.size()) == expected;
    if (ok_) rest_.remove_prefix(expected.size());
  }

  // Exactly `digits` digits.
  int Number(size_t digits) {
    int value = 0;
    for (size_t i = 0; i < digits; ++i) value = value * 10 + Digit();
    return value;
  }

  // The position of the three letters in `names`.
  template <size_t N>
  size_t Name(const std::array<std::string_view, N>& names) {
    for (size_t i = 0; ok_ && i < N; ++i) {
      if (rest_.substr(0, 3) != names[i]) continue;
      rest_.remove_prefix(3);
      return i;
    }
    ok_ = false;
    return 0;
  }

  // ".123" in milliseconds; 0 when there is no fraction.
  int Milliseconds() {
    if (!ok_ || rest_.empty() || rest_[0] != '.') return 0;
    rest_.remove_prefix(1);
    int value = Digit() * 100;  // at least one digit must follow the point
    for (int scale = 10; ok_ && NextIsDigit(); scale /= 10) value += Digit() * scale;
    return value;
  }

  bool done() const { return ok_ && rest_.empty(); }

 private:
  bool NextIsDigit() const { return !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9'; }

  int Digit() {
    ok_ = ok_ && NextIsDigit();
    if (!ok_) return 0;
    const int digit = rest_[0] - '0';
    rest_.remove_prefix(1);
    return digit;
  }

  std::string_view rest_;
  bool ok_ = true;
};

struct Fields {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, millisecond = 0;
};

int64_t ToUnixMs(const Fields& f) {
  const std::chrono::year_month_day date(std::chrono::year(f.year),
                                         std::chrono::month(static_cast<unsigned>(f.month)),
                                         std::chrono::day(static_cast<unsigned>(f.day)));
  // Second 60 is a leap second; Unix time counts it as the next minute's first.
  if (!date.ok() || f.hour > 23 || f.minute > 59 || f.second > 60) return 0;
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return (((days * 24 + f.hour) * 60 + f.minute) * 60 + f.second) * 1000 + f.millisecond;
}

void TakeTimeOfDay(Scanner* scanner, Fields* fields) {
  fields->hour = scanner->Number(2);
  scanner->Literal(":");
  fields->minute = scanner->Number(2);
  scanner->Literal(":");
  fields->second = scanner->Number(2);
}

}  // namespace

int64_t ParseHttpDate(std::string_view text) {
  Scanner scanner(text);
  Fields fields;
  scanner.Name(kWeekdays);
  scanner.Literal(", ");
  fields.day = scanner.Number(2);
  scanner.Literal(" ");
  fields.month = static_cast<int>(scanner.Name(kMonths)) + 1;
  scanner.Literal(" ");
  fields.year = scanner.Number(4);
  scanner.Literal(" ");
  TakeTimeOfDay(&scanner, &fields);
  scanner.Literal(" GMT");
  return scanner.done() ? ToUnixMs(fields) : 0;
}

int64_t ParseIso8601(std::string_view text) {
  Scanner scanner(text);
  Fields fields;
  fields.year = scanner.Number(4);
  scanner.Literal("-");
  fields.month = scanner.Number(2);
  scanner.Literal("-");
  fields.day = scanner.Number(2);
  scanner.Literal("T");
  TakeTimeOfDay(&scanner, &fields);
  fields.millisecond = scanner.Milliseconds();
  scanner.Literal("Z");
  return scanner.done() ? ToUnixMs(fields) : 0;
}

}  // namespace s3native
