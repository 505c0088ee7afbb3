#include "crt/object_headers.h"

#include <charconv>

#include "ascii.h"
#include "time_format.h"

namespace s3native::crt {
void ObjectHeaders::Add(std::string_view name, std::string_view value) {
  constexpr std::string_view kMetadata = "x-amz-meta-";
  if (EqualsIgnoringCase(name, "content-length"))
    std::from_chars(value.data(), value.data() + value.size(), content_length.emplace());
  else if (EqualsIgnoringCase(name, "content-range"))
    content_range = ParseContentRange(value);
  else if (EqualsIgnoringCase(name, "etag"))
    info.etag = value;
  else if (EqualsIgnoringCase(name, "last-modified"))
    info.last_modified_ms = ParseHttpDate(value);
  else if (EqualsIgnoringCase(name, "content-type"))
    info.content_type = value;
  else if (EqualsIgnoringCase(name, "content-encoding"))
    info.content_encoding = value;
  else if (name.size() <= 6 || !EqualsIgnoringCase(name.substr(0, 6), "x-amz-"))
    return;
  else if (EqualsIgnoringCase(name, "x-amz-request-id"))
    request_id = value;
  else if (EqualsIgnoringCase(name, "x-amz-bucket-region"))
    bucket_region = value;
  else if (EqualsIgnoringCase(name, "x-amz-version-id"))
    info.version_id = value;
  else if (EqualsIgnoringCase(name, "x-amz-storage-class"))
    info.storage_class = value;
  else if (EqualsIgnoringCase(name, "x-amz-checksum-crc64nvme"))
    info.checksum_crc64nvme = value;
  else if (EqualsIgnoringCase(name, "x-amz-checksum-type"))
    composite_checksum = value == "COMPOSITE";
  else if (name.size() > kMetadata.size() &&
           EqualsIgnoringCase(name.substr(0, kMetadata.size()), kMetadata)) {
    std::string key(name.substr(kMetadata.size()));
    for (char& c : key) c = LowerAscii(c);
    info.metadata[key] = value;
  }
}

ObjectInfo ObjectHeaders::Info(const std::string& key) {
  info.key = key;
  info.size =
      content_range && content_range->size ? *content_range->size : content_length.value_or(0);
  if (composite_checksum) info.checksum_crc64nvme.clear();
  return std::move(info);
}

}  // namespace s3native::crt
