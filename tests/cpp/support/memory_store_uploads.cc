// Multipart uploads: create, parts, complete, abort, list.
#include <algorithm>
#include <utility>

#include "checksum_text.h"
#include "s3native/checksums.h"
#include "support/memory_store.h"

namespace s3native {
namespace {

constexpr int kMaxPartNumber = 10'000;

bool DiffersFrom(const std::string& expected_crc, std::string_view body) {
  return !expected_crc.empty() &&
         expected_crc != Crc64ToBase64(Crc64Nvme(body.data(), body.size()));
}

}  // namespace

Result<MemoryStore::Upload*> MemoryStore::FindUpload(const Context& context,
                                                     const std::string& upload_id) {
  const Result<Bucket*> bucket = FindBucket(context);
  if (!bucket.ok()) return bucket.error();
  const auto found = bucket.value()->uploads.find(upload_id);
  if (found == bucket.value()->uploads.end() || found->second.key != context.url.key) {
    return Refusal(context, 404, "NoSuchUpload");
  }
  return &found->second;
}

OperationPtr MemoryStore::CreateUpload(CreateUploadRequest request,
                                       Completion<CreatedUpload> done) {
  return Run<CreatedUpload>(done, [&]() -> Result<CreatedUpload> {
    const Result<Bucket*> bucket = FindBucket({"CreateMultipartUpload", request.url, ""});
    if (!bucket.ok()) return bucket.error();
    const std::string upload_id = NextId("upload-");
    bucket.value()->uploads[upload_id] = {request.url.key, request.options, NowMs(), {}};
    return CreatedUpload{upload_id, false};
  });
}

OperationPtr MemoryStore::UploadPart(UploadPartRequest request, Completion<CompletedPart> done) {
  return Run<CompletedPart>(done, [&] { return UploadPartNow(request); });
}

Result<CompletedPart> MemoryStore::UploadPartNow(const UploadPartRequest& request) {
  const Context context = {"UploadPart", request.url, ""};
  const Result<Upload*> upload = FindUpload(context, request.upload_id);
  if (!upload.ok()) return upload.error();
  if (request.part_number < 1 || request.part_number > kMaxPartNumber) {
    return Refusal(context, 400, "InvalidArgument");
  }
  const auto body = std::make_shared<std::string>(reinterpret_cast<const char*>(request.body.data),
                                                  request.body.size);
  if (DiffersFrom(request.checksum_crc64nvme, *body)) return Refusal(context, 400, "BadDigest");
  const std::string etag = EtagOf(*body);
  upload.value()->parts[request.part_number] = {body, etag};
  return CompletedPart{request.part_number, etag, request.checksum_crc64nvme};
}

OperationPtr MemoryStore::UploadPartCopy(UploadPartCopyRequest request,
                                         Completion<CompletedPart> done) {
  return Run<CompletedPart>(done, [&] { return UploadPartCopyNow(request); });
}

Result<CompletedPart> MemoryStore::UploadPartCopyNow(const UploadPartCopyRequest& request) {
  const Context context = {"UploadPartCopy", request.url, request.range.ToString()};
  const Result<Upload*> upload = FindUpload(context, request.upload_id);
  if (!upload.ok()) return upload.error();
  const Result<const Version*> source =
      FindVersion(context, request.source, request.source_version_id);
  if (!source.ok()) return source.error();
  const Version& version = *source.value();
  if (!request.source_etag.empty() && request.source_etag != version.info.etag) {
    return Refusal(context, 412, "PreconditionFailed");
  }
  const uint64_t start = request.range.start;
  const uint64_t end = request.range.end.value_or(version.body->size());
  if (start >= end || end > version.body->size()) return Refusal(context, 416, "InvalidRange");
  const auto body = std::make_shared<std::string>(*version.body, start, end - start);
  const std::string etag = EtagOf(*body);
  upload.value()->parts[request.part_number] = {body, etag};
  return CompletedPart{request.part_number, etag, ""};
}

Status MemoryStore::CheckParts(const Context& context, const Upload& upload,
                               const CompleteUploadRequest& request) const {
  if (request.parts.empty()) return Refusal(context, 400, "MalformedXML");
  int previous = 0;
  for (const CompletedPart& part : request.parts) {
    if (part.part_number <= previous) return Refusal(context, 400, "InvalidPartOrder");
    previous = part.part_number;
    const auto found = upload.parts.find(part.part_number);
    if (found == upload.parts.end() || found->second.etag != part.etag) {
      return Refusal(context, 400, "InvalidPart");
    }
    const bool last = &part == &request.parts.back();
    if (!last && found->second.body->size() < options_.min_part_size) {
      return Refusal(context, 400, "EntityTooSmall");
    }
  }
  return Ok();
}

OperationPtr MemoryStore::CompleteUpload(CompleteUploadRequest request,
                                         Completion<PutResult> done) {
  return Run<PutResult>(done, [&] { return CompleteNow(request); });
}

Result<PutResult> MemoryStore::CompleteNow(const CompleteUploadRequest& request) {
  const Context context = {"CompleteMultipartUpload", request.url, ""};
  const Result<Upload*> found = FindUpload(context, request.upload_id);
  if (!found.ok()) return found.error();
  const Upload& upload = *found.value();
  if (Status status = CheckParts(context, upload, request); !status.ok()) {
    return std::move(status).error();
  }
  if (Status status = CheckConditions(context, request.options); !status.ok()) {
    return std::move(status).error();
  }
  auto body = std::make_shared<std::string>();
  std::string etags;
  for (const CompletedPart& part : request.parts) {
    *body += *upload.parts.at(part.part_number).body;
    etags += part.etag;
  }
  if (request.object_size != 0 && request.object_size != body->size()) {
    return Refusal(context, 400, "InvalidRequest");
  }
  if (DiffersFrom(request.checksum_crc64nvme, *body)) return Refusal(context, 400, "BadDigest");

  Version version;
  version.info.key = request.url.key;
  version.info.storage_class = upload.options.storage_class;
  version.info.content_type = upload.options.content_type;
  version.info.content_encoding = upload.options.content_encoding;
  version.info.metadata = upload.options.metadata;
  version.info.checksum_crc64nvme = request.checksum_crc64nvme;
  version.info.etag = EtagOf(etags);
  version.info.etag.insert(version.info.etag.size() - 1,
                           "-" + std::to_string(request.parts.size()));
  version.body = std::move(body);
  Bucket& bucket = buckets_.at(request.url.bucket);
  bucket.uploads.erase(request.upload_id);
  return Store(request.url, &bucket, std::move(version));
}

OperationPtr MemoryStore::AbortUpload(S3Url url, std::string upload_id,
                                      Completion<std::monostate> done) {
  return Run<std::monostate>(done, [&]() -> Status {
    const Result<Upload*> upload = FindUpload({"AbortMultipartUpload", url, ""}, upload_id);
    if (!upload.ok()) return upload.error();
    buckets_.at(url.bucket).uploads.erase(upload_id);
    return Ok();
  });
}

OperationPtr MemoryStore::ListParts(ListPartsRequest request, Completion<PartsPage> done) {
  return Run<PartsPage>(done, [&]() -> Result<PartsPage> {
    const Result<Upload*> upload = FindUpload({"ListParts", request.url, ""}, request.upload_id);
    if (!upload.ok()) return upload.error();
    PartsPage page;
    const auto& parts = upload.value()->parts;
    for (auto part = parts.upper_bound(request.part_number_marker); part != parts.end(); ++part) {
      if (page.parts.size() == static_cast<size_t>(options_.max_page_size)) {
        page.next_part_number_marker = page.parts.back().part_number;
        break;
      }
      page.parts.push_back({part->first, part->second.etag, ""});
    }
    return page;
  });
}

OperationPtr MemoryStore::ListUploads(ListUploadsRequest request, Completion<UploadsPage> done) {
  return Run<UploadsPage>(done, [&] { return ListUploadsNow(request); });
}

Result<UploadsPage> MemoryStore::ListUploadsNow(const ListUploadsRequest& request) {
  const Context context = {"ListMultipartUploads", {request.bucket, request.prefix}, ""};
  const Result<Bucket*> bucket = FindBucket(context);
  if (!bucket.ok()) return bucket.error();
  std::vector<PendingUpload> all;
  for (const auto& [id, upload] : bucket.value()->uploads) {
    if (upload.key.starts_with(request.prefix))
      all.push_back({upload.key, id, upload.initiated_ms});
  }
  std::sort(all.begin(), all.end(), [](const PendingUpload& a, const PendingUpload& b) {
    return std::pair(a.key, a.upload_id) < std::pair(b.key, b.upload_id);
  });
  std::erase_if(all, [&](const PendingUpload& upload) {
    if (request.key_marker.empty()) return false;
    // With an upload ID marker, the marked key's later uploads are still to come.
    if (request.upload_id_marker.empty()) return upload.key <= request.key_marker;
    return std::pair(upload.key, upload.upload_id) <=
           std::pair(request.key_marker, request.upload_id_marker);
  });
  UploadsPage page;
  if (all.size() > static_cast<size_t>(options_.max_page_size)) {
    all.resize(static_cast<size_t>(options_.max_page_size));
    page.next_key_marker = all.back().key;
    page.next_upload_id_marker = all.back().upload_id;
  }
  page.uploads = std::move(all);
  return page;
}

size_t MemoryStore::pending_uploads() const {
  std::lock_guard lock(mutex_);
  size_t count = 0;
  for (const auto& [name, bucket] : buckets_) count += bucket.uploads.size();
  return count;
}

}  // namespace s3native
