// The nouns of S3: locations, ranges, what the server says about an object.
// Thread-safety: plain values. Ownership: by value.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "s3native/error.h"

namespace s3native {

// s3://bucket/key. The key is raw bytes as the user sees them, never percent-encoded.
struct S3Url {
  std::string bucket;
  std::string key;  // may be empty where an operation addresses a bucket or a prefix

  std::string ToString() const { return "s3://" + bucket + "/" + key; }
};

// Parses "s3://bucket/key". The key is everything after the first slash, taken literally: '?', '#',
// '%', spaces,
// "//" and a leading slash are part of it. kInvalidArgument names the URL when the scheme or the
// bucket is wrong.
Result<S3Url> ParseS3Url(std::string_view url);

// As ParseS3Url, and the key must not be empty.
Result<S3Url> ParseObjectUrl(std::string_view url);

// An error found here, not reported by a server, about one object.
Error ObjectError(ErrorCode code, std::string operation, const S3Url& url, std::string message);

// Bytes [start, end) of an object; without an end, to the end of the object.
struct ByteRange {
  uint64_t start = 0;
  std::optional<uint64_t> end;

  bool operator==(const ByteRange&) const = default;
  std::string ToString() const;      // "[0, 10)" or "[5, )"
  std::string ToHttpHeader() const;  // "bytes=0-9" or "bytes=5-"; an empty range has no header form
};

// "bytes 0-9/100" as a server sends it. `size` is the object's size, absent for "bytes 0-9/*";
// `range` is absent for "bytes */100".
struct ContentRange {
  std::optional<ByteRange> range;
  std::optional<uint64_t> size;
};
std::optional<ContentRange> ParseContentRange(std::string_view header);

// What HEAD, GET and LIST say about an object. Fields the server did not send are empty.
struct ObjectInfo {
  std::string key;
  uint64_t size = 0;             // of the whole object, bytes
  std::string etag;              // with its quotes, as the server sends it
  int64_t last_modified_ms = 0;  // Unix time, milliseconds; 0: not sent
  std::string version_id;
  std::string storage_class;
  std::string content_type;
  std::string content_encoding;
  std::map<std::string, std::string> metadata;  // x-amz-meta-*, names in lower case
  std::string checksum_crc64nvme;               // base64, full object; empty if not sent
};

// A request that is signed, to be sent by somebody else.
struct PresignRequest {
  S3Url url;  // of a bucket if there is a query
  std::string method;
  std::map<std::string, std::string> query;  // S3's parameters, not encoded
  uint32_t expires_s = 0;                    // 1 to 604 800
};

}  // namespace s3native
