// What the response headers of GET and HEAD say about an object, gathered one header at a time.
// Thread-safety: none needed, one response. Ownership: copies of the values.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "s3native/object.h"

namespace s3native::crt {

struct ObjectHeaders {
  ObjectInfo info;  // without key and size
  std::optional<ContentRange> content_range;
  std::optional<uint64_t> content_length;
  std::string request_id;
  std::string bucket_region;  // of refusals and HEADs of buckets
  bool composite_checksum = false;

  void Add(std::string_view name, std::string_view value);
  // Complete: the key given, the size from Content-Range or else Content-Length. Leaves this empty.
  ObjectInfo Info(const std::string& key);
};

}  // namespace s3native::crt
