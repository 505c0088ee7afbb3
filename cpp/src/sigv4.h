// AWS Signature Version 4 in the Authorization header, with an unsigned payload: the checksums of
// S3 guard the bytes, and hashing them would cost more than sending them. The aws-c-auth signer
// does the same at three times the CPU, which shows at 100 KB per object.
//
// Thread-safety: RequestSigner from any thread. Ownership: copies of what it keeps.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace s3native {

struct SigningCredentials {
  std::string_view access_key_id;
  std::string_view secret_access_key;
  std::string_view session_token;  // empty: none
};

struct RequestHead {
  std::string_view method;
  std::string_view target;     // percent-encoded path and query
  std::string_view authority;  // the Host header
  const std::vector<std::pair<std::string, std::string>>& headers;
  std::string_view origin = {};  // "http://HOST:PORT" for a proxy, which wants whole URLs
};

class RequestSigner {
 public:
  explicit RequestSigner(std::string region) : region_(std::move(region)) {}

  // The request's first lines up to and without the empty one, signed as of `unix_s`.
  // `payload_hash` is UNSIGNED-PAYLOAD or the SHA-256 of the body in hexadecimal.
  std::string Sign(const RequestHead& request, const SigningCredentials& credentials,
                   int64_t unix_s, std::string_view payload_hash = "UNSIGNED-PAYLOAD");

 private:
  // Changes with the day and the credentials only.
  std::string SigningKey(std::string_view date, std::string_view secret);

  const std::string region_;
  std::mutex mutex_;  // guards what follows
  std::string key_date_;
  std::string key_secret_;
  std::string key_;
};

// The same lines without a signature.
std::string UnsignedHead(const RequestHead& request);

}  // namespace s3native
