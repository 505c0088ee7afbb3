// What went wrong, in one value type that every layer hands on unchanged.
// Thread-safety: plain values. Ownership: by value; nothing to free.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace s3native {

// One code per cause a caller can act on; the bindings map each to one exception class.
enum class ErrorCode {
  kInvalidArgument,     // refused before any request
  kNotFound,            // 404: key, version, upload or bucket
  kAccessDenied,        // 401, 403
  kCredentials,         // none found, expired, or a provider failed
  kPreconditionFailed,  // 412, 409 on a conditional write, or the object changed under a reader
  kRange,               // 416
  kThrottled,           // 503 SlowDown or 429, after retries
  kConnectionFailed,    // DNS, connect, TLS, reset, after retries
  kUnavailable,         // other 5xx, after retries
  kTimeout,             // connect, stall or total timeout
  kIntegrity,           // checksum mismatch, truncated or malformed response
  kCancelled,           // cancelled by the caller, or the client was closed
  kOther,               // an S3 error without a class of its own
};

// The name of `code` as documentation spells it, such as "NotFound".
const char* ErrorCodeName(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::kOther;
  std::string message;    // what was tried, what came back, what to do; never a secret
  std::string operation;  // S3 operation name, such as "GetObject"
  std::string bucket;
  std::string key;
  std::string range;       // half-open "[start, end)" or empty
  int http_status = 0;     // 0: no response
  std::string s3_code;     // <Code> of the error document, such as "NoSuchKey"
  std::string request_id;  // x-amz-request-id
  int crt_code = 0;        // the AWS CRT's error code, 0 if none
  int attempts = 0;        // HTTP requests sent, 0 if unknown
  bool retryable = false;  // trying again later may succeed
};

// An Error for a refused argument.
inline Error InvalidArgument(std::string message) {
  Error error;
  error.code = ErrorCode::kInvalidArgument;
  error.message = std::move(message);
  return error;
}

// A T or an Error.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  Error& error() & { return std::get<1>(state_); }
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

// Success or an Error.
using Status = Result<std::monostate>;
inline Status Ok() { return std::monostate{}; }

}  // namespace s3native
