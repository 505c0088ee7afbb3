// Objects: get, put, copy, delete.
#include "support/memory_store.h"

#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <utility>

#include "checksum_text.h"
#include "file_io.h"
#include "s3native/checksums.h"

namespace s3native {
namespace {

class NothingToCancel : public Operation {
 public:
  void Cancel() override {}
};

ErrorCode CodeOf(int http_status, std::string_view s3_code) {
  if (http_status == 404) return ErrorCode::kNotFound;
  if (http_status == 412) return ErrorCode::kPreconditionFailed;
  if (http_status == 416) return ErrorCode::kRange;
  if (s3_code == "BadDigest") return ErrorCode::kIntegrity;
  return ErrorCode::kOther;
}

ObjectInfo InfoFrom(const S3Url& url, const PutOptions& options) {
  ObjectInfo info;
  info.key = url.key;
  info.storage_class = options.storage_class;
  info.content_type = options.content_type;
  info.content_encoding = options.content_encoding;
  info.metadata = options.metadata;
  return info;
}

std::string Crc64Of(std::string_view body) {
  return Crc64ToBase64(Crc64Nvme(body.data(), body.size()));
}

}  // namespace

OperationPtr CompletedOperation() { return std::make_shared<NothingToCancel>(); }

int64_t MemoryStore::NowMs() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

std::string MemoryStore::EtagOf(std::string_view body) {
  uint64_t hash = 14695981039346656037ull;  // FNV-1a
  for (char c : body) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  char text[40];
  std::snprintf(text, sizeof(text), "\"%016" PRIx64 "%016" PRIx64 "\"", hash,
                static_cast<uint64_t>(body.size()));
  return text;
}

Error MemoryStore::Refusal(const Context& context, int http_status, const char* s3_code) {
  Error error;
  error.code = CodeOf(http_status, s3_code);
  error.operation = context.operation;
  error.bucket = context.url.bucket;
  error.key = context.url.key;
  error.range = context.range;
  error.http_status = http_status;
  error.s3_code = s3_code;
  error.attempts = 1;
  error.message = error.operation + " " + context.url.ToString() + ": HTTP " +
                  std::to_string(http_status) + " " + s3_code;
  return error;
}

Result<MemoryStore::Bucket*> MemoryStore::FindBucket(const Context& context) {
  const auto found = buckets_.find(context.url.bucket);
  if (found == buckets_.end()) return Refusal(context, 404, "NoSuchBucket");
  return &found->second;
}

Result<const MemoryStore::Version*> MemoryStore::FindVersion(const Context& context,
                                                             const S3Url& url,
                                                             const std::string& version_id) const {
  const auto bucket = buckets_.find(url.bucket);
  if (bucket == buckets_.end()) return Refusal(context, 404, "NoSuchBucket");
  const auto object = bucket->second.objects.find(url.key);
  if (object == bucket->second.objects.end()) return Refusal(context, 404, "NoSuchKey");
  const std::vector<Version>& versions = object->second;
  auto version = versions.end() - 1;
  if (!version_id.empty()) {
    version = std::find_if(versions.begin(), versions.end(), [&](const Version& candidate) {
      return candidate.info.version_id == version_id;
    });
    if (version == versions.end()) return Refusal(context, 404, "NoSuchVersion");
  }
  if (version->delete_marker) return Refusal(context, 404, "NoSuchKey");
  return &*version;
}

Status MemoryStore::CheckConditions(const Context& context, const PutOptions& options) const {
  const Result<const Version*> current = FindVersion(context, context.url, "");
  if (options.if_none_match && current.ok()) return Refusal(context, 412, "PreconditionFailed");
  if (options.if_match.empty()) return Ok();
  if (!current.ok()) return current.error();  // as Amazon: 404
  if (current.value()->info.etag == options.if_match) return Ok();
  return Refusal(context, 412, "PreconditionFailed");
}

PutResult MemoryStore::Store(const S3Url& url, Bucket* bucket, Version version) {
  version.info.size = version.body->size();
  version.info.last_modified_ms = NowMs();
  if (options_.versioned) version.info.version_id = NextId("v");
  const PutResult result = {version.info.etag, version.info.version_id,
                            version.info.checksum_crc64nvme};
  std::vector<Version>& versions = bucket->objects[url.key];
  if (!options_.versioned) versions.clear();
  versions.push_back(std::move(version));
  return result;
}

std::string MemoryStore::NextId(const char* prefix) { return prefix + std::to_string(++last_id_); }

OperationPtr MemoryStore::Get(GetRequest request, Completion<GetResult> done) {
  return Run<GetResult>(done, [&] { return GetNow(request); });
}

Result<GetResult> MemoryStore::GetNow(const GetRequest& request) {
  const ByteRange& range = request.range;
  const Context context = {"GetObject", request.url, range.ToString()};
  if (range.end && *range.end <= range.start) return InvalidArgument("the range is empty");
  const Result<const Version*> found = FindVersion(context, request.url, request.version_id);
  if (!found.ok()) return found.error();
  const Version& version = *found.value();
  if (!request.if_match.empty() && request.if_match != version.info.etag) {
    return Refusal(context, 412, "PreconditionFailed");
  }
  const uint64_t size = version.body->size();
  if (range.start >= size && range.start != 0) return Refusal(context, 416, "InvalidRange");
  const uint64_t received = std::min(range.end.value_or(size), size) - range.start;
  if ((range.end ? *range.end - range.start : received) > request.destination.size) {
    return InvalidArgument("the destination is smaller than the range");
  }
  if (request.file) {
    const ConstBytes bytes{reinterpret_cast<const std::byte*>(version.body->data()) + range.start,
                           received};
    *request.file->error = WriteAt(request.file->descriptor, bytes, request.file->offset);
    if (*request.file->error != 0) return Refusal(context, 200, "");
  } else if (received != 0) {
    std::memcpy(request.destination.data, version.body->data() + range.start, received);
  }
  const bool validated = received == size && !version.info.checksum_crc64nvme.empty();
  return GetResult{received, version.info, validated};
}

OperationPtr MemoryStore::Head(HeadRequest request, Completion<ObjectInfo> done) {
  return Run<ObjectInfo>(done, [&]() -> Result<ObjectInfo> {
    const Context context = {"HeadObject", request.url, ""};
    const Result<const Version*> found = FindVersion(context, request.url, request.version_id);
    if (!found.ok()) return found.error();
    return found.value()->info;
  });
}

OperationPtr MemoryStore::Put(PutRequest request, Completion<PutResult> done) {
  return Run<PutResult>(done, [&] { return PutNow(request); });
}

Result<PutResult> MemoryStore::PutNow(const PutRequest& request) {
  const Context context = {"PutObject", request.url, ""};
  const Result<Bucket*> bucket = FindBucket(context);
  if (!bucket.ok()) return bucket.error();
  if (Status status = CheckConditions(context, request.options); !status.ok()) {
    return std::move(status).error();
  }
  Version version;
  version.body = std::make_shared<std::string>(reinterpret_cast<const char*>(request.body.data),
                                               request.body.size);
  const std::string crc = Crc64Of(*version.body);
  if (!request.checksum_crc64nvme.empty() && request.checksum_crc64nvme != crc) {
    return Refusal(context, 400, "BadDigest");
  }
  version.info = InfoFrom(request.url, request.options);
  version.info.etag = EtagOf(*version.body);
  version.info.checksum_crc64nvme = request.checksum_crc64nvme;
  return Store(request.url, bucket.value(), std::move(version));
}

OperationPtr MemoryStore::Copy(CopyRequest request, Completion<PutResult> done) {
  return Run<PutResult>(done, [&] { return CopyNow(request); });
}

Result<PutResult> MemoryStore::CopyNow(const CopyRequest& request) {
  const Context context = {"CopyObject", request.url, ""};
  const Result<Bucket*> bucket = FindBucket(context);
  if (!bucket.ok()) return bucket.error();
  const Result<const Version*> source =
      FindVersion(context, request.source, request.source_version_id);
  if (!source.ok()) return source.error();
  if (!request.source_etag.empty() && request.source_etag != source.value()->info.etag) {
    return Refusal(context, 412, "PreconditionFailed");
  }
  if (Status status = CheckConditions(context, request.options); !status.ok()) {
    return std::move(status).error();
  }
  Version version = *source.value();
  version.info.key = request.url.key;
  if (request.replace_metadata) version.info = InfoFrom(request.url, request.options);
  version.info.etag = EtagOf(*version.body);
  version.info.checksum_crc64nvme = source.value()->info.checksum_crc64nvme;
  return Store(request.url, bucket.value(), std::move(version));
}

OperationPtr MemoryStore::Delete(S3Url url, std::string version_id,
                                 Completion<std::monostate> done) {
  const Context context = {"DeleteObject", std::move(url), ""};
  return Run<std::monostate>(done, [&] { return DeleteNow(context, version_id); });
}

Status MemoryStore::DeleteNow(const Context& context, const std::string& version_id) {
  const Result<Bucket*> bucket = FindBucket(context);
  if (!bucket.ok()) return bucket.error();
  auto& objects = bucket.value()->objects;
  if (version_id.empty() && options_.versioned) {
    Version marker;
    marker.body = std::make_shared<std::string>();
    marker.delete_marker = true;
    Store(context.url, bucket.value(), std::move(marker));
    return Ok();
  }
  const auto object = objects.find(context.url.key);
  if (object == objects.end()) return Ok();  // deleting what is not there is no error
  std::erase_if(object->second, [&](const Version& version) {
    return version_id.empty() || version.info.version_id == version_id;
  });
  if (object->second.empty()) objects.erase(object);
  return Ok();
}

std::string MemoryStore::Add(const S3Url& url, std::string_view content) {
  std::lock_guard lock(mutex_);
  buckets_[url.bucket];
  PutRequest request;
  request.url = url;
  request.body = {reinterpret_cast<const std::byte*>(content.data()), content.size()};
  return PutNow(request).value().etag;
}

std::optional<std::string> MemoryStore::Content(const S3Url& url) const {
  std::lock_guard lock(mutex_);
  const Result<const Version*> found = FindVersion({"GetObject", url, ""}, url, "");
  return found.ok() ? std::optional<std::string>(*found.value()->body) : std::nullopt;
}

}  // namespace s3native
