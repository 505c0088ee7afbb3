#include "upload.h"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "checksum_text.h"
#include "crc64.h"
#include "header_values.h"
#include "md5.h"
#include "part_plan.h"
#include "wait.h"

namespace s3native {
namespace {

// Parts in flight: enough to keep every connection sending, few enough to bound what a retry storm
// repeats.
constexpr size_t kPartsInFlight = 16;
// Above this S3 refuses CopyObject and wants UploadPartCopy.
constexpr uint64_t kMaxSingleCopySize = 5ull << 30;
// A server-side copy moves no bytes through here, so its parts may be large.
constexpr uint64_t kCopyPartSize = 512ull << 20;
constexpr int kAbortAttempts = 6;
constexpr std::chrono::milliseconds kAbortPause{20};
constexpr uint32_t kAbortTimeoutSeconds = 10;

// Aborts even when the caller has been interrupted: parts left behind would be paid for. A part
// whose bytes had all arrived when its request was cancelled may still be stored after the abort
// and bring the upload back (S3 documents this), so the abort is repeated until the server no
// longer knows the upload.
void Abort(ObjectStore& store, const S3Url& url, const std::string& upload_id) {
  const CallOptions uninterrupted;
  int gone = 0;
  for (int attempt = 0; attempt < kAbortAttempts && gone < 2; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(kAbortPause);
    WaitLimit limit(uninterrupted, kAbortTimeoutSeconds);
    const Status aborted = Await<std::monostate>(
        &limit, [&](auto done) { return store.AbortUpload(url, upload_id, std::move(done)); });
    if (!aborted.ok() && aborted.error().code == ErrorCode::kNotFound) ++gone;
  }
}

// The parts the server holds of an upload, up to a page of them; kNotFound when it was completed or
// aborted.
Result<PartsPage> PartsOf(ObjectStore& store, const S3Url& url, const std::string& upload_id) {
  const CallOptions uninterrupted;
  WaitLimit limit(uninterrupted, kAbortTimeoutSeconds);
  return Await<PartsPage>(
      &limit, [&](auto done) { return store.ListParts({url, upload_id, 0}, std::move(done)); });
}

// The ETag S3 gives to an object made of these parts, unless it encrypts with a key of KMS.
std::string EtagOfParts(const std::vector<CompletedPart>& parts) {
  std::string digests;
  for (const CompletedPart& part : parts) {
    std::string_view hex = part.etag;
    if (hex.size() != 34) return {};
    for (hex = hex.substr(1, 32); !hex.empty(); hex.remove_prefix(2)) {
      unsigned byte = 0;
      const auto [end, failed] = std::from_chars(hex.data(), hex.data() + 2, byte, 16);
      if (end != hex.data() + 2) return {};
      digests += static_cast<char>(byte);
    }
  }
  constexpr char kDigits[] = "0123456789abcdef";
  std::string etag = "\"";
  for (const char byte : Md5(digests)) {
    etag += kDigits[static_cast<uint8_t>(byte) >> 4];
    etag += kDigits[static_cast<uint8_t>(byte) & 15];
  }
  return etag + "-" + std::to_string(parts.size()) + "\"";
}

// What became of an upload whose completion failed with `error`: the object, if the upload is gone
// and the object is what its completion would have made. Then only the answer was lost.
std::optional<PutResult> FindCompleted(ObjectStore& store, const CompleteUploadRequest& complete,
                                       const Error& error, WaitLimit* limit) {
  if (limit->Expired()) return std::nullopt;
  if (error.s3_code != "NoSuchUpload") {
    const Result<PartsPage> parts = PartsOf(store, complete.url, complete.upload_id);
    if (parts.ok() || parts.error().code != ErrorCode::kNotFound) return std::nullopt;
  }
  const Result<ObjectInfo> found = Await<ObjectInfo>(
      limit, [&](auto done) { return store.Head({complete.url, ""}, std::move(done)); });
  if (!found.ok() || found.value().size != complete.object_size) return std::nullopt;
  const ObjectInfo& info = found.value();
  const std::string& checksum = complete.checksum_crc64nvme;
  const bool same = !checksum.empty() && !info.checksum_crc64nvme.empty()
                        ? info.checksum_crc64nvme == checksum
                        : info.etag == EtagOfParts(complete.parts);
  if (!same) return std::nullopt;
  return PutResult{info.etag, info.version_id, info.checksum_crc64nvme};
}

// CreateUpload is not cancelled: once the server has begun an upload, its ID is needed to abort it.
// An interrupted call waits a moment for the ID; if that comes later still, the completion aborts
// the upload.
Result<CreatedUpload> Create(const std::shared_ptr<ObjectStore>& store,
                             const CreateUploadRequest& create, WaitLimit* limit) {
  struct State {
    std::mutex mutex;
    std::condition_variable arrived;
    std::optional<Result<CreatedUpload>> result;
    bool abandoned = false;
  };
  auto state = std::make_shared<State>();
  store->CreateUpload(create, [state, store, url = create.url](Result<CreatedUpload> result) {
    std::unique_lock lock(state->mutex);
    const bool abandoned = state->abandoned;
    state->result.emplace(std::move(result));
    state->arrived.notify_one();
    lock.unlock();
    if (abandoned && state->result->ok()) {
      store->AbortUpload(url, state->result->value().upload_id, [](const Status&) {});
    }
  });
  const auto arrived = [&] { return state->result.has_value(); };
  std::unique_lock lock(state->mutex);
  while (!state->arrived.wait_for(lock, kInterruptPoll, arrived)) {
    lock.unlock();
    const bool expired = limit->Expired().has_value();
    lock.lock();
    if (!expired) continue;
    if (!state->arrived.wait_for(lock, 2 * kInterruptPoll, arrived)) {
      state->abandoned = true;
      return *limit->reason();
    }
  }
  return std::move(*state->result);
}

using PartStarter = std::function<OperationPtr(size_t index, const std::string& upload_id,
                                               Completion<CompletedPart>)>;

using Finisher = std::function<void(CompleteUploadRequest*)>;

// Of an upload that was asked for more than once: those which the lost answers may have told of.
// They were begun for this key, no longer before ours than the asking took.
std::vector<std::string> FindTwins(ObjectStore& store, const S3Url& url,
                                   const std::string& upload_id, int64_t took_ms) {
  const CallOptions uninterrupted;
  WaitLimit limit(uninterrupted, kAbortTimeoutSeconds);
  const Result<UploadsPage> page = Await<UploadsPage>(&limit, [&](auto done) {
    return store.ListUploads({url.bucket, url.key, "", ""}, std::move(done));
  });
  if (!page.ok()) return {};
  const std::vector<PendingUpload>& uploads = page.value().uploads;
  const auto ours = std::find_if(uploads.begin(), uploads.end(), [&](const PendingUpload& upload) {
    return upload.upload_id == upload_id;
  });
  if (ours == uploads.end()) return {};
  std::vector<std::string> twins;
  for (const PendingUpload& upload : uploads) {
    const int64_t before_ms = ours->initiated_ms - upload.initiated_ms;
    // Times may be told in whole seconds.
    if (upload.key == url.key && upload.upload_id != upload_id && before_ms > -1000 &&
        before_ms < took_ms + 1000)
      twins.push_back(upload.upload_id);
  }
  return twins;
}

// Another writer's upload would have parts by now.
void AbortIfEmpty(ObjectStore& store, const S3Url& url, const std::string& upload_id) {
  const Result<PartsPage> parts = PartsOf(store, url, upload_id);
  if (parts.ok() && parts.value().parts.empty()) Abort(store, url, upload_id);
}

// Parts and completion of an upload; aborted if anything fails before that is acknowledged.
Result<PutResult> Transfer(ObjectStore& store, const CreateUploadRequest& create,
                           const std::string& upload_id, size_t part_count,
                           const PartStarter& start_part, const Finisher& finish,
                           WaitLimit* limit) {
  auto parts = AwaitAll<CompletedPart>(part_count, kPartsInFlight, limit, [&](size_t i, auto done) {
    return start_part(i, upload_id, std::move(done));
  });
  if (!parts.ok()) {
    Abort(store, create.url, upload_id);
    return std::move(parts).error();
  }
  CompleteUploadRequest complete;
  complete.url = create.url;
  complete.upload_id = upload_id;
  complete.parts = std::move(parts).value();
  complete.options.if_none_match = create.options.if_none_match;
  complete.options.if_match = create.options.if_match;
  finish(&complete);
  Result<PutResult> completed = Await<PutResult>(
      limit, [&](auto done) { return store.CompleteUpload(complete, std::move(done)); });
  if (completed.ok()) return completed;
  if (auto found = FindCompleted(store, complete, completed.error(), limit))
    return *std::move(found);
  Abort(store, create.url, complete.upload_id);
  return completed;
}

// Create, parts, complete; aborted if anything fails before the completion is acknowledged.
Result<PutResult> RunUpload(const std::shared_ptr<ObjectStore>& store,
                            const CreateUploadRequest& create, size_t part_count,
                            const PartStarter& start_part, const Finisher& finish,
                            WaitLimit* limit) {
  const auto started = std::chrono::steady_clock::now();
  const Result<CreatedUpload> created = Create(store, create, limit);
  if (!created.ok()) return created.error();
  std::vector<std::string> twins;
  if (created.value().sent_again) {
    const auto took = std::chrono::steady_clock::now() - started;
    twins = FindTwins(*store, create.url, created.value().upload_id,
                      std::chrono::duration_cast<std::chrono::milliseconds>(took).count());
  }
  Result<PutResult> result =
      Transfer(*store, create, created.value().upload_id, part_count, start_part, finish, limit);
  for (const std::string& twin : twins) AbortIfEmpty(*store, create.url, twin);
  return result;
}

Status CheckChecksum(const PutResult& result, const std::string& sent, const S3Url& url) {
  if (sent.empty() || result.checksum_crc64nvme.empty() || result.checksum_crc64nvme == sent)
    return Ok();
  return ObjectError(ErrorCode::kIntegrity, "PutObject", url,
                     "the server stored " + url.ToString() + " with CRC64NVME " +
                         result.checksum_crc64nvme + " although " + sent +
                         " was sent; delete it and upload again");
}

Result<PutResult> UploadWhole(ObjectStore& store, const S3Url& url, ConstBytes data,
                              const UploadOptions& options, bool checksum, WaitLimit* limit) {
  PutRequest put;
  put.url = url;
  put.body = data;
  put.options = options.object;
  if (checksum) put.checksum_crc64nvme = Crc64ToBase64(Crc64Nvme(data.data, data.size));
  Result<PutResult> result =
      Await<PutResult>(limit, [&](auto done) { return store.Put(put, std::move(done)); });
  if (!result.ok()) return result;
  const Status same = CheckChecksum(result.value(), put.checksum_crc64nvme, url);
  if (!same.ok()) return same.error();
  return result;
}

Result<PutResult> UploadParts(const std::shared_ptr<ObjectStore>& store, const S3Url& url,
                              ConstBytes data, const UploadOptions& options, const PartPlan& plan,
                              bool checksum, WaitLimit* limit) {
  uint64_t object_crc = 0;
  const auto start_part = [&](size_t i, const std::string& upload_id,
                              Completion<CompletedPart> done) {
    UploadPartRequest part;
    part.url = url;
    part.upload_id = upload_id;
    part.part_number = static_cast<int>(i) + 1;
    const uint64_t offset = i * plan.part_size;
    part.body = {data.data + offset,
                 static_cast<size_t>(std::min<uint64_t>(plan.part_size, data.size - offset))};
    if (checksum) {
      // On the caller's thread, which would only wait: the event loops keep sending meanwhile.
      const uint64_t crc = Crc64Nvme(part.body.data, part.body.size);
      object_crc = i == 0 ? crc : CombineCrc64Nvme(object_crc, crc, part.body.size);
      part.checksum_crc64nvme = Crc64ToBase64(crc);
    }
    return store->UploadPart(std::move(part), std::move(done));
  };
  const auto finish = [&](CompleteUploadRequest* complete) {
    complete->object_size = data.size;
    if (checksum) complete->checksum_crc64nvme = Crc64ToBase64(object_crc);
  };
  CreateUploadRequest create{url, options.object, checksum};
  Result<PutResult> result = RunUpload(store, create, plan.part_count, start_part, finish, limit);
  if (!result.ok()) return result;
  const Status same = CheckChecksum(result.value(), checksum ? Crc64ToBase64(object_crc) : "", url);
  if (!same.ok()) return same.error();
  return result;
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
  const auto start_part = [&](size_t i, const std::string& upload_id,
                              Completion<CompletedPart> done) {
    UploadPartCopyRequest part;
    part.source = request.source;
    part.source_etag = source.etag;
    part.source_version_id = request.source_version_id;
    const uint64_t start = i * plan.value().part_size;
    part.range = {start, std::min(start + plan.value().part_size, source.size)};
    part.url = request.url;
    part.upload_id = upload_id;
    part.part_number = static_cast<int>(i) + 1;
    return store->UploadPartCopy(std::move(part), std::move(done));
  };
  const CreateUploadRequest create{request.url, OptionsForCopy(request, source), false};
  return RunUpload(
      store, create, plan.value().part_count, start_part,
      [&](CompleteUploadRequest* complete) { complete->object_size = source.size; }, limit);
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
