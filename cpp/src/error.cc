#include "s3native/error.h"

namespace s3native {

const char* ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "InvalidArgument";
    case ErrorCode::kNotFound:
      return "NotFound";
    case ErrorCode::kAccessDenied:
      return "AccessDenied";
    case ErrorCode::kCredentials:
      return "Credentials";
    case ErrorCode::kPreconditionFailed:
      return "PreconditionFailed";
    case ErrorCode::kRange:
      return "Range";
    case ErrorCode::kThrottled:
      return "Throttled";
    case ErrorCode::kConnectionFailed:
      return "ConnectionFailed";
    case ErrorCode::kUnavailable:
      return "Unavailable";
    case ErrorCode::kTimeout:
      return "Timeout";
    case ErrorCode::kIntegrity:
      return "Integrity";
    case ErrorCode::kCancelled:
      return "Cancelled";
    case ErrorCode::kOther:
      return "Other";
  }
  return "Other";  // a value cast from an integer
}

}  // namespace s3native
