// The one place that turns what the CRT and the server report into an Error: code, cause,
// retryable, and a message that says what was tried, where, what came back and what to do.
// Thread-safety: pure functions.
#pragma once

#include <aws/http/request_response.h>

#include <string>
#include <string_view>

#include "s3native/error.h"
#include "s3native/object.h"

namespace s3native::crt {

// What an operation was about, for its errors.
struct RequestContext {
  std::string operation;
  S3Url url;
  std::string range;
};

// What came back with a failure; empty or 0 where there was no response.
struct FailedResponse {
  int crt_code = 0;
  int http_status = 0;
  std::string_view body;
  std::string request_id;
  std::string bucket_region;  // where the server says the bucket is
  int attempts = 0;
};

// Whether an answer is S3's <Error>, whatever its status.
bool IsErrorDocument(std::string_view body);
// Whether it is a document with this root element, as far as its two ends tell.
bool HasRoot(std::string_view body, std::string_view root);

Error ClassifyFailure(const FailedResponse& failure, const RequestContext& context);
// A failure without a response.
Error CrtError(int crt_code, const RequestContext& context);
// TLS that cannot be set up, with this CA bundle or, when it is empty, at all.
Error TlsSetupError(const std::string& ca_bundle, const std::string& why);
// A response that does not say what S3 promises, such as a missing ETag or a malformed document.
Error MalformedResponse(const std::string& what, const RequestContext& context);

}  // namespace s3native::crt
