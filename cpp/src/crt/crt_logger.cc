#include "crt/crt_logger.h"

#include <aws/common/logging.h>
#include <aws/io/io.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>

#include "crt/runtime.h"
#include "s3native/events.h"

namespace s3native::crt {
namespace {

constexpr size_t kMaxLine = 2048;

LogLevel LevelOf(aws_log_level level) {
  switch (level) {
    case AWS_LL_FATAL:
    case AWS_LL_ERROR:
      return LogLevel::kError;
    case AWS_LL_WARN:
      return LogLevel::kWarning;
    case AWS_LL_INFO:
      return LogLevel::kInfo;
    case AWS_LL_DEBUG:
      return LogLevel::kDebug;
    default:
      return LogLevel::kTrace;
  }
}

bool IsHarmless(aws_log_subject_t subject) {
  return (subject >> AWS_LOG_SUBJECT_STRIDE_BITS) == AWS_C_IO_PACKAGE_ID;
}

// The most detailed level wanted of a subject. The CRT calls an error or a warning what we may
// survive without a word (a connection that cannot be opened and is tried again): its lines are of
// use to those who look for details only.
aws_log_level WantedLevel(aws_logger*, aws_log_subject_t subject) {
  if (IsLogged(LogLevel::kTrace)) return IsHarmless(subject) ? AWS_LL_TRACE : AWS_LL_WARN;
  if (IsLogged(LogLevel::kDebug)) return AWS_LL_WARN;
  return AWS_LL_NONE;
}

int Write(aws_logger*, aws_log_level level, aws_log_subject_t subject, const char* format, ...) {
  char text[kMaxLine];
  va_list arguments;
  va_start(arguments, format);
  const int size = std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (size < 0) return AWS_OP_SUCCESS;
  std::string line = aws_log_subject_name(subject);
  line.append(": ").append(text, std::min(static_cast<size_t>(size), sizeof text - 1));
  Log(std::max(LevelOf(level), LogLevel::kDebug), std::move(line));
  return AWS_OP_SUCCESS;
}

}  // namespace

void InstallLogger() {
  static aws_logger_vtable vtable{Write, WantedLevel, nullptr, nullptr};
  static aws_logger logger{&vtable, Allocator(), nullptr};
  aws_logger_set(&logger);
}

}  // namespace s3native::crt
