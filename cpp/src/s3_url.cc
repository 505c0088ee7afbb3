#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "ascii.h"
#include "s3native/object.h"

namespace s3native {
namespace {

constexpr std::string_view kScheme = "s3://";
constexpr size_t kMinBucketSize = 3;
constexpr size_t kMaxBucketSize = 63;
constexpr size_t kMaxKeySize = 1024;
constexpr size_t kMaxQuotedSize = 200;

bool IsBucketByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

std::string EscapeControlBytes(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (char c : text) {
    if (IsControlByte(c)) {
      out.append({'\\', 'x', kHex[c >> 4], kHex[c & 15]});  // below 0x80: no sign
    } else {
      out += c;
    }
  }
  return out;
}

// What stands before '@' may end in a password (some tools take s3://ID:SECRET@bucket), and a
// signature stands after '?' (presigned URLs): those are left out.
std::string_view WithoutSecrets(std::string_view url) {
  const size_t at = url.rfind('@');
  const size_t start = at == std::string_view::npos ? 0 : at + 1;
  const bool is_s3 = url.substr(0, kScheme.size()) == kScheme;
  const size_t end = is_s3 ? url.size() : std::min(url.find('?'), url.size());
  return end < start ? std::string_view() : url.substr(start, end - start);
}

// The text's first bytes, UTF-8 not cut inside a character.
std::string_view Shortened(std::string_view text) {
  size_t size = std::min(text.size(), kMaxQuotedSize);
  if (size == text.size()) return text;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size);
}

Error BadUrl(std::string_view url, std::string_view reason) {
  const std::string_view shown = WithoutSecrets(url);
  std::string message = "bad URL \"" + EscapeControlBytes(Shortened(shown));
  message += shown.size() > kMaxQuotedSize ? "...\": " : "\": ";
  return InvalidArgument(message.append(reason));
}

const char* BucketProblem(std::string_view bucket) {
  if (bucket.empty()) return "the bucket name is empty; expected s3://bucket/key";
  if (!std::all_of(bucket.begin(), bucket.end(), IsBucketByte)) {
    return "the bucket name may hold only letters, digits, '.', '_' and '-'";
  }
  if (bucket.size() < kMinBucketSize || bucket.size() > kMaxBucketSize)
    return "the bucket name must be 3 to 63 bytes long";
  return nullptr;
}

}  // namespace

Error ObjectError(ErrorCode code, std::string operation, const S3Url& url, std::string message) {
  Error error;
  error.code = code;
  error.operation = std::move(operation);
  error.bucket = url.bucket;
  error.key = url.key;
  error.message = std::move(message);
  return error;
}

Result<S3Url> ParseS3Url(std::string_view url) {
  if (url.substr(0, kScheme.size()) != kScheme)
    return BadUrl(url, "it must start with s3://, as in s3://bucket/key");
  const std::string_view rest = url.substr(kScheme.size());
  const size_t slash = rest.find('/');
  const std::string_view bucket = rest.substr(0, slash);
  if (const char* problem = BucketProblem(bucket)) return BadUrl(url, problem);
  const std::string_view key =
      slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  if (key.size() > kMaxKeySize) {
    return BadUrl(
        url, "the key is " + std::to_string(key.size()) + " bytes long; S3 allows at most 1024");
  }
  return S3Url{std::string(bucket), std::string(key)};
}

Result<S3Url> ParseObjectUrl(std::string_view url) {
  Result<S3Url> parsed = ParseS3Url(url);
  if (parsed.ok() && parsed.value().key.empty())
    return BadUrl(url, "the key is empty; expected s3://bucket/key");
  return parsed;
}

}  // namespace s3native
