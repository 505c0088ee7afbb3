#include "crt/errors.h"

#include <aws/auth/auth.h>
#include <aws/common/error.h>
#include <aws/http/http.h>
#include <aws/io/io.h>
#include <aws/s3/s3.h>

#include "xml_reader.h"

namespace s3native::crt {
namespace {

struct Cause {
  ErrorCode code;
  bool retryable;
  const char* hint;
};

bool InPackage(int crt_code, int package) {
  return (crt_code >> AWS_ERROR_ENUM_STRIDE_BITS) == package;
}

Cause CauseOfConnection(int crt_code) {
  switch (crt_code) {
    case AWS_IO_DNS_QUERY_FAILED:
    case AWS_IO_DNS_INVALID_NAME:
    case AWS_IO_DNS_NO_ADDRESS_FOR_HOST:
    case AWS_IO_DNS_QUERY_AGAIN:
    case AWS_IO_DNS_HOST_REMOVED_FROM_CACHE:
      return {ErrorCode::kConnectionFailed, true,
              "check the endpoint's host name (S3_ENDPOINT, endpoint=)"};
    case AWS_IO_SOCKET_CONNECTION_REFUSED:
      return {ErrorCode::kConnectionFailed, true,
              "nothing listens there: check the endpoint's host and port"};
    case AWS_IO_SOCKET_TIMEOUT:
    case AWS_IO_TLS_NEGOTIATION_TIMEOUT:
      return {ErrorCode::kTimeout, true,
              "the server did not answer in time: check the endpoint and the network"};
    case AWS_IO_TLS_ERROR_NEGOTIATION_FAILURE:
      return {ErrorCode::kConnectionFailed, false,
              "the TLS handshake failed: check the certificate (AWS_CA_BUNDLE), the host name in "
              "it, and S3_USE_HTTPS"};
    case AWS_ERROR_HTTP_PROXY_CONNECT_FAILED:
      return {ErrorCode::kConnectionFailed, false,
              "the proxy refused: check its address, user and password "
              "(http://USER:PASSWORD@HOST:PORT)"};
    case AWS_ERROR_HTTP_PROXY_CONNECT_FAILED_RETRYABLE:
      return {ErrorCode::kConnectionFailed, true, "the proxy could not reach the server"};
    default:
      return {ErrorCode::kConnectionFailed, true,
              "the connection broke: it may work when tried again"};
  }
}

Cause CauseOfCrtCode(int crt_code) {
  switch (crt_code) {
    case AWS_ERROR_S3_CANCELED:
      return {ErrorCode::kCancelled, false, "it was cancelled"};
    case AWS_ERROR_S3_OBJECT_MODIFIED:
      return {ErrorCode::kPreconditionFailed, false,
              "the object was overwritten during the read: start again"};
    case AWS_ERROR_S3_RESPONSE_CHECKSUM_MISMATCH:
      return {ErrorCode::kIntegrity, true, "the bytes received do not match the object's checksum"};
    case AWS_ERROR_S3_INVALID_CONTENT_RANGE_HEADER:
    case AWS_ERROR_S3_MISSING_CONTENT_RANGE_HEADER:
    case AWS_ERROR_S3_INVALID_CONTENT_LENGTH_HEADER:
    case AWS_ERROR_S3_MISSING_ETAG:
    case AWS_ERROR_HTTP_PROTOCOL_ERROR:
    case AWS_ERROR_INVALID_XML:
      return {ErrorCode::kIntegrity, true,
              "the response was not what S3 promises: check that this is an S3 endpoint"};
    case AWS_ERROR_HTTP_RESPONSE_FIRST_BYTE_TIMEOUT:
      return {ErrorCode::kTimeout, true,
              "the server did not begin to answer: check it, or raise first_byte_timeout_s"};
    case AWS_ERROR_HTTP_CHANNEL_THROUGHPUT_FAILURE:
      return {ErrorCode::kTimeout, true,
              "the connection stalled: check the network, or raise stall_timeout_s"};
    case AWS_ERROR_FILE_WRITE_FAILURE:
      return {ErrorCode::kOther, false, "the file does not take the bytes"};
    case AWS_ERROR_SHORT_BUFFER:
      return {ErrorCode::kInvalidArgument, false,
              "the buffer is smaller than the range or object: pass a larger one"};
    default:
      break;
  }
  if (InPackage(crt_code, AWS_C_AUTH_PACKAGE_ID) ||
      InPackage(crt_code, AWS_C_SDKUTILS_PACKAGE_ID)) {
    return {ErrorCode::kCredentials, false,
            "no usable credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "name a profile, "
            "pass credentials=, or credentials=\"anonymous\" for public buckets"};
  }
  if (InPackage(crt_code, AWS_C_IO_PACKAGE_ID) || InPackage(crt_code, AWS_C_HTTP_PACKAGE_ID)) {
    return CauseOfConnection(crt_code);
  }
  return {ErrorCode::kOther, false, "this is not expected: please report it"};
}

Cause CauseOfStatus(int status, std::string_view s3_code) {
  if (s3_code == "ExpiredToken" || s3_code == "TokenRefreshRequired" || s3_code == "InvalidToken") {
    return {ErrorCode::kCredentials, false,
            "the session token has expired or is invalid: refresh the credentials"};
  }
  if (s3_code == "RequestTimeout")
    return {ErrorCode::kTimeout, true, "the server gave up waiting for the request"};
  if (s3_code == "SlowDown" || status == 429) {
    return {ErrorCode::kThrottled, true,
            "the server asks to slow down: lower the concurrency or wait"};
  }
  if (s3_code == "BadDigest" || s3_code == "InvalidDigest" ||
      s3_code.find("ChecksumMismatch") != std::string_view::npos) {
    return {ErrorCode::kIntegrity, true,
            "the bytes that arrived at the server do not match their checksum"};
  }
  switch (status) {
    case 401:
    case 403:
      if (s3_code == "InvalidAccessKeyId" || s3_code == "SignatureDoesNotMatch") {
        return {ErrorCode::kAccessDenied, false,
                "the server does not accept these credentials: check key and secret"};
      }
      if (s3_code == "RequestTimeTooSkewed")
        return {ErrorCode::kAccessDenied, false, "this machine's clock is wrong: set it"};
      return {ErrorCode::kAccessDenied, false,
              "these credentials may not do this: check the policy and the bucket"};
    case 404:
      return {ErrorCode::kNotFound, false,
              s3_code == "NoSuchBucket" ? "the bucket does not exist at this endpoint"
                                        : "check the bucket and the key"};
    case 409:
    case 412:
      return {ErrorCode::kPreconditionFailed, false,
              "the object is not in the state the request requires"};
    case 416:
      return {ErrorCode::kRange, false, "the range starts at or behind the object's end"};
    case 301:
    case 307:
    case 308:
      return {ErrorCode::kOther, false,
              "the bucket is in another region: set AWS_REGION or region="};
    case 407:
      return {ErrorCode::kConnectionFailed, false,
              "the proxy wants a user and a password (http://USER:PASSWORD@HOST:PORT)"};
    case 408:
      return {ErrorCode::kTimeout, true, "the server gave up waiting for the request"};
    case 503:
      return {ErrorCode::kThrottled, true,
              "the server is overloaded: lower the concurrency or wait"};
    default:
      if (status >= 500)
        return {ErrorCode::kUnavailable, true, "the server failed: try again later"};
      return {ErrorCode::kOther, false, "the server refused the request"};
  }
}

// <Error><Code>..</Code><Message>..</Message><RequestId>..</RequestId><Region>..</Region></Error>
struct ErrorDocument {
  std::string code;
  std::string message;
  std::string request_id;
  std::string region;
};

// Without a code when it is another document.
ErrorDocument ParseErrorDocument(std::string_view body) {
  ErrorDocument document;
  XmlReader reader(body);
  std::string_view name;
  if (!reader.NextElement(&name) || name != "Error") return document;
  while (reader.NextElement(&name)) {
    if (name == "Code")
      document.code = reader.Text();
    else if (name == "Message")
      document.message = reader.Text();
    else if (name == "RequestId")
      document.request_id = reader.Text();
    else if (name == "Region")
      document.region = reader.Text();
    else
      reader.Skip();
  }
  return document;
}

// The status of an error that arrives after a 200, when the work took the server long.
int StatusOfLateError(std::string_view s3_code) {
  if (s3_code == "AccessDenied") return 403;
  if (s3_code.starts_with("NoSuch")) return 404;
  if (s3_code == "PreconditionFailed") return 412;
  return s3_code == "ServiceUnavailable" ? 503 : 500;
}

// BucketAlreadyExists and the like are conflicts too, but not over an object's state.
bool IsConflictOverBucket(std::string_view s3_code) { return s3_code.starts_with("Bucket"); }

std::string Describe(const Error& error, const RequestContext& context,
                     const std::string& came_back, const std::string& hint) {
  std::string message = context.operation + " " + context.url.ToString();
  if (!context.range.empty()) message += " " + context.range;
  message += " failed: " + came_back;
  if (!error.request_id.empty()) message += ", request ID " + error.request_id;
  if (error.attempts > 1) message += ", after " + std::to_string(error.attempts) + " attempts";
  return message + "; " + hint;
}

Error Fill(const Cause& cause, const RequestContext& context) {
  Error error;
  error.code = cause.code;
  error.retryable = cause.retryable;
  error.operation = context.operation;
  error.bucket = context.url.bucket;
  error.key = context.url.key;
  error.range = context.range;
  return error;
}

}  // namespace

bool IsErrorDocument(std::string_view body) {
  XmlReader reader(body);
  std::string_view name;
  return reader.NextElement(&name) && name == "Error";
}

bool HasRoot(std::string_view body, std::string_view root) {
  XmlReader reader(body);
  std::string_view name;
  if (!reader.NextElement(&name) || name != root) return false;
  body = body.substr(0, body.find_last_not_of(" \r\n\t") + 1);
  return body.ends_with("</" + std::string(root) + ">") || body.ends_with("/>");
}

Error ClassifyFailure(const FailedResponse& failure, const RequestContext& context) {
  ErrorDocument document = ParseErrorDocument(failure.body);
  const bool told_late = failure.http_status / 100 == 2 && !document.code.empty();
  if (failure.http_status == 0 || (failure.http_status / 100 == 2 && !told_late)) {
    const Cause cause = CauseOfCrtCode(failure.crt_code);
    Error error = Fill(cause, context);
    error.crt_code = failure.crt_code;
    error.http_status = failure.http_status;
    error.attempts = failure.attempts;
    error.request_id = failure.request_id;
    error.message = Describe(error, context, aws_error_str(failure.crt_code), cause.hint);
    return error;
  }
  if (document.code.empty() && failure.http_status == 416) document.code = "InvalidRange";
  const int status = told_late ? StatusOfLateError(document.code) : failure.http_status;
  Cause cause = CauseOfStatus(status, document.code);
  if (status == 400 && context.operation.starts_with("Head"))
    cause.hint = "a HEAD brings no reason; usual ones are an expired token and a wrong region";
  if (cause.code == ErrorCode::kPreconditionFailed && failure.attempts > 1)
    cause.hint =
        "the object is not in the state the request requires, perhaps because an earlier attempt, "
        "whose answer was lost, made it so";
  if (IsConflictOverBucket(document.code))
    cause = {ErrorCode::kOther, false, "choose another bucket name, or use it"};
  std::string hint = cause.hint;
  const std::string& region =
      failure.bucket_region.empty() ? document.region : failure.bucket_region;
  if (!region.empty() && (status / 100 == 3 || status == 400))
    hint = "the bucket is in the region '" + region + "': set AWS_REGION or region= to that";
  Error error = Fill(cause, context);
  error.crt_code = failure.crt_code;
  error.http_status = failure.http_status;
  error.attempts = failure.attempts;
  error.s3_code = std::move(document.code);
  error.request_id =
      failure.request_id.empty() ? std::move(document.request_id) : failure.request_id;
  std::string came_back = "HTTP " + std::to_string(failure.http_status);
  if (!error.s3_code.empty()) came_back += " " + error.s3_code;
  if (!document.message.empty()) came_back += " (" + document.message + ")";
  error.message = Describe(error, context, came_back, hint);
  return error;
}

Error CrtError(int crt_code, const RequestContext& context) {
  FailedResponse failure;
  failure.crt_code = crt_code;
  return ClassifyFailure(failure, context);
}

Error TlsSetupError(const std::string& ca_bundle, const std::string& why) {
  const std::string with = ca_bundle.empty() ? "" : " with the CA bundle '" + ca_bundle + "'";
  return InvalidArgument("TLS cannot be set up" + with + ": " + why);
}

Error MalformedResponse(const std::string& what, const RequestContext& context) {
  const Cause cause{ErrorCode::kIntegrity, true, "check that this is an S3 endpoint"};
  Error error = Fill(cause, context);
  error.message = Describe(error, context, what, cause.hint);
  return error;
}

}  // namespace s3native::crt
