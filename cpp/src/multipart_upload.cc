#include "multipart_upload.h"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "checksum_text.h"
#include "md5.h"
#include "s3native/checksums.h"

namespace s3native {
namespace {

constexpr int kAbortAttempts = 6;
constexpr std::chrono::milliseconds kAbortPause{20};
constexpr uint32_t kAbortTimeoutSeconds = 10;

// A part whose bytes had all arrived when its request was cancelled may still be stored after the
// abort and bring the upload back (S3 documents this), so the abort is repeated until the server no
// longer knows the upload.
void AbortUpload(ObjectStore& store, const S3Url& url, const std::string& upload_id) {
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
  if (parts.ok() && parts.value().parts.empty()) AbortUpload(store, url, upload_id);
}

}  // namespace

Status CheckStored(const PutResult& result, const std::string& sent_crc64nvme, const S3Url& url) {
  if (sent_crc64nvme.empty() || result.checksum_crc64nvme.empty() ||
      result.checksum_crc64nvme == sent_crc64nvme)
    return Ok();
  return ObjectError(ErrorCode::kIntegrity, "PutObject", url,
                     "the server stored " + url.ToString() + " with CRC64NVME " +
                         result.checksum_crc64nvme + " although " + sent_crc64nvme +
                         " was sent; delete it and upload again");
}

Result<std::unique_ptr<MultipartUpload>> MultipartUpload::Begin(std::shared_ptr<ObjectStore> store,
                                                                CreateUploadRequest create,
                                                                WaitLimit* limit) {
  std::unique_ptr<MultipartUpload> upload(new MultipartUpload(std::move(store), std::move(create)));
  const auto started = std::chrono::steady_clock::now();
  Result<CreatedUpload> created = Create(upload->store_, upload->create_, limit);
  if (!created.ok()) return std::move(created).error();
  upload->upload_id_ = std::move(created.value().upload_id);
  if (created.value().sent_again) {
    const auto took = std::chrono::steady_clock::now() - started;
    upload->twins_ = FindTwins(*upload->store_, upload->create_.url, upload->upload_id_,
                               std::chrono::duration_cast<std::chrono::milliseconds>(took).count());
  }
  return upload;
}

UploadPartRequest MultipartUpload::NextPart(ConstBytes body) {
  UploadPartRequest part{create_.url, upload_id_, ++part_count_, body, ""};
  if (!create_.crc64nvme) return part;
  const uint64_t crc = Crc64Nvme(body.data, body.size);
  crc64nvme_ = CombineCrc64Nvme(crc64nvme_, crc, body.size);
  part.checksum_crc64nvme = Crc64ToBase64(crc);
  return part;
}

UploadPartCopyRequest MultipartUpload::NextCopy(const std::string& etag, ByteRange range) {
  UploadPartCopyRequest part;
  part.source = part.url = create_.url;
  part.source_etag = etag;
  part.range = range;
  part.upload_id = upload_id_;
  part.part_number = ++part_count_;
  return part;
}

Result<PutResult> MultipartUpload::Complete(std::vector<CompletedPart> parts, uint64_t object_size,
                                            WaitLimit* limit) {
  CompleteUploadRequest complete;
  complete.parts = std::move(parts);
  complete.object_size = object_size;
  if (create_.crc64nvme) complete.checksum_crc64nvme = Crc64ToBase64(crc64nvme_);
  complete.url = create_.url;
  complete.upload_id = upload_id_;
  complete.options.if_none_match = create_.options.if_none_match;
  complete.options.if_match = create_.options.if_match;
  Result<PutResult> completed = Await<PutResult>(
      limit, [&](auto done) { return store_->CompleteUpload(complete, std::move(done)); });
  std::optional<PutResult> found;
  if (!completed.ok()) found = FindCompleted(*store_, complete, completed.error(), limit);
  if (!completed.ok() && !found) {
    Abort();
    return completed;
  }
  AbortTwins();
  PutResult result = found ? *std::move(found) : std::move(completed).value();
  if (const Status same = CheckStored(result, complete.checksum_crc64nvme, create_.url); !same.ok())
    return same.error();
  return result;
}

void MultipartUpload::Abort() {
  AbortUpload(*store_, create_.url, upload_id_);
  AbortTwins();
}

void MultipartUpload::AbortTwins() {
  for (const std::string& twin : twins_) AbortIfEmpty(*store_, create_.url, twin);
}

}  // namespace s3native
