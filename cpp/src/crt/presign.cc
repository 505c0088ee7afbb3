#include "crt/presign.h"

#include <aws/auth/signable.h>
#include <aws/auth/signing.h>
#include <aws/auth/signing_result.h>
#include <aws/common/date_time.h>

#include <future>

#include "crt/handles.h"
#include "endpoint.h"
#include "percent_encoding.h"

namespace s3native::crt {
namespace {

constexpr uint32_t kMaxExpirySeconds = 7 * 24 * 3600;  // SigV4's limit

struct Signing {
  aws_http_message* message;
  std::promise<int> done;
};

void OnSigned(aws_signing_result* result, int error_code, void* user_data) {
  auto* signing = static_cast<Signing*>(user_data);
  if (error_code == AWS_ERROR_SUCCESS &&
      aws_apply_signing_result_to_http_request(signing->message, Allocator(), result) !=
          AWS_OP_SUCCESS) {
    error_code = aws_last_error();
  }
  signing->done.set_value(error_code);
}

}  // namespace

Result<std::string> PresignUrl(const Connection& connection, const PresignRequest& request) {
  const auto& [url, method, query, expires_s] = request;
  if (expires_s == 0 || expires_s > kMaxExpirySeconds) {
    return InvalidArgument("expires must be 1 to 604800 seconds, not " + std::to_string(expires_s));
  }
  if (url.key.empty() && query.empty()) {
    return InvalidArgument(url.ToString() + " names no object: a URL for a bucket needs a query");
  }
  if (method != "GET" && method != "PUT" && method != "HEAD" && method != "DELETE") {
    return InvalidArgument("method must be GET, PUT, HEAD or DELETE, not '" + method + "'");
  }
  auto current = connection.credentials().Current();
  if (!current.ok()) return std::move(current).error();
  const std::string authority = RequestAuthority(connection.config(), url.bucket);
  std::string path = RequestPath(connection.config(), url.bucket, url.key);
  for (const auto& [name, value] : query) {
    path += path.find('?') == std::string::npos ? '?' : '&';
    path += PercentEncode(name, false) + '=' + PercentEncode(value, false);
  }
  HttpMessage message(aws_http_message_new_request(Allocator()));
  aws_http_message_set_request_method(message.get(), Cursor(method));
  aws_http_message_set_request_path(message.get(), Cursor(path));
  aws_http_message_add_header(
      message.get(), {Cursor("Host"), Cursor(authority), AWS_HTTP_HEADER_COMPRESSION_USE_CACHE});

  aws_signing_config_aws signing = connection.SigningConfig(current.value().get());
  signing.signature_type = AWS_ST_HTTP_REQUEST_QUERY_PARAMS;
  signing.signed_body_header = AWS_SBHT_NONE;
  signing.expiration_in_seconds = expires_s;
  aws_date_time_init_epoch_secs(&signing.date, static_cast<double>(connection.NowSeconds()));
  std::unique_ptr<aws_signable, Releaser<aws_signable_destroy>> signable(
      aws_signable_new_http_request(Allocator(), message.get()));
  Signing state{message.get(), {}};
  std::future<int> done = state.done.get_future();
  int failure = AWS_ERROR_SUCCESS;
  if (aws_sign_request_aws(Allocator(), signable.get(),
                           reinterpret_cast<const aws_signing_config_base*>(&signing), OnSigned,
                           &state) != AWS_OP_SUCCESS) {
    failure = aws_last_error();
  } else {
    failure = done.get();
  }
  if (failure != AWS_ERROR_SUCCESS) return CrtError(failure, {"Presign", url, ""});
  aws_byte_cursor signed_path;
  aws_http_message_get_request_path(message.get(), &signed_path);
  return connection.config().scheme + "://" + authority + std::string(View(signed_path));
}

}  // namespace s3native::crt
