#include "upload.h"

#include <algorithm>
#include <functional>

#include "checksum_text.h"
#include "header_values.h"
#include "multipart_upload.h"
#include "part_plan.h"
#include "s3native/checksums.h"
#include "wait.h"

namespace s3native {
namespace {

// Above this S3 refuses CopyObject and wants UploadPartCopy.
constexpr uint64_t kMaxSingleCopySize = 5ull << 30;
// A server-side copy moves no bytes through here, so its parts may be large.
constexpr uint64_t kCopyPartSize = 512ull << 20;

using PartStarter =
    std::function<OperationPtr(size_t index, MultipartUpload* upload, Completion<CompletedPart>)>;

// Create, parts, complete; aborted if anything fails before the completion is acknowledged.
Result<PutResult> RunUpload(const std::shared_ptr<ObjectStore>& store,
                            const CreateUploadRequest& create, uint64_t object_size,
                            size_t part_count, const PartStarter& start_part, WaitLimit* limit) {
  auto begun = MultipartUpload::Begin(store, create, limit);
  if (!begun.ok()) return begun.error();
  MultipartUpload& upload = *begun.value();
  auto parts = AwaitAll<CompletedPart>(part_count, kPartsInFlight, limit, [&](size_t i, auto done) {
    return start_part(i, &upload, std::move(done));
  });
  if (!parts.ok()) {
    upload.Abort();
    return std::move(parts).error();
  }
  return upload.Complete(std::move(parts).value(), object_size, limit);
}

Result<PutResult> UploadWhole(ObjectStore& store, const S3Url& url, ConstBytes data,
                              const UploadOptions& options, bool checksum, WaitLimit* limit) {
  PutRequest put;
  put.url = url;
  put.body = data;
  put.options = options.object;
  put.driven = true;
  if (checksum) put.checksum_crc64nvme = Crc64ToBase64(Crc64Nvme(data.data, data.size));
  Result<PutResult> result =
      Await<PutResult>(limit, [&](auto done) { return store.Put(put, std::move(done)); });
  if (!result.ok()) return result;
  const Status same = CheckStored(result.value(), put.checksum_crc64nvme, url);
  if (!same.ok()) return same.error();
  return result;
}

Result<PutResult> UploadParts(const std::shared_ptr<ObjectStore>& store, const S3Url& url,
                              ConstBytes data, const UploadOptions& options, const PartPlan& plan,
                              bool checksum, WaitLimit* limit) {
  const auto start_part = [&](size_t i, MultipartUpload* upload, Completion<CompletedPart> done) {
    const uint64_t offset = i * plan.part_size;
    const auto size = static_cast<size_t>(std::min<uint64_t>(plan.part_size, data.size - offset));
    return store->UploadPart(upload->NextPart({data.data + offset, size}), std::move(done));
  };
  const CreateUploadRequest create{url, options.object, checksum};
  return RunUpload(store, create, data.size, plan.part_count, start_part, limit);
}

// The source's own headers travel with a single-request copy; a multipart copy must repeat them.
PutOptions OptionsForCopy(const CopyRequest& request, const ObjectInfo& source) {
  PutOptions options = request.options;
  if (request.replace_metadata) return options;
  options.metadata = source.metadata;
  options.content_type = source.content_type;
  options.content_encoding = source.content_encoding;
  return options;
}

Result<PutResult> CopyParts(const std::shared_ptr<ObjectStore>& store, const CopyRequest& request,
                            const ObjectInfo& source, WaitLimit* limit) {
  const Result<PartPlan> plan = PlanParts(source.size, kCopyPartSize);
  if (!plan.ok()) return plan.error();
  const auto start_part = [&](size_t i, MultipartUpload* upload, Completion<CompletedPart> done) {
    UploadPartCopyRequest part;
    part.source = request.source;
    part.source_etag = source.etag;
    part.source_version_id = request.source_version_id;
    const uint64_t start = i * plan.value().part_size;
    part.range = {start, std::min(start + plan.value().part_size, source.size)};
    part.url = request.url;
    part.upload_id = upload->upload_id();
    part.part_number = static_cast<int>(i) + 1;
    return store->UploadPartCopy(std::move(part), std::move(done));
  };
  const CreateUploadRequest create{request.url, OptionsForCopy(request, source), false};
  return RunUpload(store, create, source.size, plan.value().part_count, start_part, limit);
}

}  // namespace

Result<PutResult> UploadBytes(const std::shared_ptr<ObjectStore>& store, const Config& config,
                              const S3Url& url, ConstBytes data, const UploadOptions& options,
                              const CallOptions& call) {
  if (Status status = CheckPutOptions(options.object); !status.ok()) return status.error();
  WaitLimit limit(call, config.total_timeout_s);
  const bool checksum =
      options.checksum.value_or(config.request_checksum == ChecksumPolicy::kWhenSupported);
  const uint64_t part_size = options.part_size != 0 ? options.part_size : config.part_size;
  const Result<PartPlan> plan = PlanParts(data.size, part_size);
  if (!plan.ok()) return plan.error();
  if (plan.value().part_count <= 1)
    return UploadWhole(*store, url, data, options, checksum, &limit);
  return UploadParts(store, url, data, options, plan.value(), checksum, &limit);
}

Result<PutResult> CopyObject(const std::shared_ptr<ObjectStore>& store, const Config& config,
                             const CopyRequest& request, const CallOptions& call) {
  Status valid = CheckPutOptions(request.options);
  if (valid.ok()) valid = CheckHeaderValue("source_etag", request.source_etag);
  if (!valid.ok()) return valid.error();
  WaitLimit limit(call, config.total_timeout_s);
  Result<ObjectInfo> source = Await<ObjectInfo>(&limit, [&](auto done) {
    return store->Head({request.source, request.source_version_id}, std::move(done));
  });
  if (!source.ok()) return std::move(source).error();
  if (source.value().size > kMaxSingleCopySize)
    return CopyParts(store, request, source.value(), &limit);
  CopyRequest pinned = request;
  if (pinned.source_etag.empty()) pinned.source_etag = source.value().etag;
  return Await<PutResult>(&limit, [&](auto done) { return store->Copy(pinned, std::move(done)); });
}

}  // namespace s3native
