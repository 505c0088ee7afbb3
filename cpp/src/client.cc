#include "s3native/client.h"

#include <atomic>
#include <map>

#include "coalesce.h"
#include "crt/factory.h"
#include "fetch.h"
#include "file_io.h"
#include "get_many.h"
#include "header_values.h"
#include "process_memory.h"
#include "size_predictor.h"
#include "upload.h"
#include "wait.h"

namespace s3native {
namespace {

// Keys in one DeleteObjects request, S3's limit.
constexpr size_t kDeleteBatch = 1000;
// Requests of one call in flight where a call makes several.
constexpr size_t kRequestsInFlight = 32;
// A coalesced request grows no larger than this, so that one call's requests spread over
// connections.
constexpr uint64_t kMaxCoalescedSize = 64ull << 20;

Status CheckFetch(const S3Url& url, const std::optional<ByteRange>& range,
                  const FetchOptions& options) {
  if (range && range->end && *range->end < range->start) {
    return InvalidArgument("range " + range->ToString() + " of " + url.ToString() +
                           " ends before it starts");
  }
  return CheckHeaderValue("if_match", options.if_match);
}

// What one call has taken of the process's budget for bytes in flight. Shared with completions.
class Reservations {
 public:
  // Waits for others, and for this call's own completions, to release enough.
  Status Take(uint64_t size, WaitLimit* limit) {
    MemoryBudget& budget = *GetProcessMemory().budget;
    uint64_t seen = budget.release_count();
    while (!budget.TryReserve(size, held_ == 0 ? Claim::kNeeded : Claim::kShare)) {
      if (limit->Expired()) return *limit->Expired();
      budget.WaitForRelease(seen, static_cast<int>(kInterruptPoll.count()));
      seen = budget.release_count();
    }
    held_ += size;
    return Ok();
  }
  void Release(uint64_t size) {
    held_ -= size;
    GetProcessMemory().budget->Release(size);
  }

 private:
  std::atomic<uint64_t> held_{0};
};

// Fetch, and fetch again when the object was larger than predicted.
Result<Fetched> RunFetch(Fetch* fetch, WaitLimit* limit) {
  const auto step = [&](bool first) {
    return Await<std::monostate>(limit, [&](auto done) -> OperationPtr {
      struct Canceller : Operation {
        explicit Canceller(Fetch* fetch) : fetch(fetch) {}
        void Cancel() override { fetch->Cancel(); }
        bool Drive(uint64_t time_ms) override { return fetch->Drive(time_ms); }
        Fetch* fetch;
      };
      auto arrived = [done = std::move(done)] { done(Ok()); };
      first ? fetch->Start(std::move(arrived)) : fetch->Continue(std::move(arrived));
      return std::make_shared<Canceller>(fetch);
    });
  };
  Status arrived = step(true);
  if (arrived.ok() && fetch->NeedsMore() && !limit->Expired()) arrived = step(false);
  if (limit->reason()) return *limit->reason();
  return fetch->Take();
}

// What each range gets of the reads that serve it. All reads must have seen the same object.
Result<std::vector<Fetched>> PiecesOf(const S3Url& url, const std::vector<ByteRange>& ranges,
                                      const CoalescePlan& plan, const std::vector<SlabPtr>& slabs,
                                      const std::vector<GetResult>& results) {
  std::vector<Fetched> pieces(ranges.size());
  for (size_t i = 0; i < ranges.size(); ++i) {
    const CoalescedSlice& slice = plan.slices[i];
    if (slice.read == CoalescedSlice::kNoRead) continue;
    const GetResult& result = results[slice.read];
    if (result.info.etag != results.front().info.etag) {
      return ObjectError(
          ErrorCode::kPreconditionFailed, "GetObject", url,
          url.ToString() + " was overwritten while its ranges were read: start again");
    }
    const uint64_t wanted = *ranges[i].end - ranges[i].start;
    const uint64_t there = result.received - std::min(result.received, slice.offset);
    pieces[i] = {slabs[slice.read], static_cast<size_t>(slice.offset),
                 static_cast<size_t>(std::min(wanted, there)), result.info};
  }
  return pieces;
}

std::vector<std::pair<S3Url, Error>> FailedDeletes(const std::string& bucket,
                                                   std::vector<DeleteError> errors) {
  std::vector<std::pair<S3Url, Error>> failed;
  for (DeleteError& entry : errors) {
    S3Url url{bucket, std::move(entry.key)};
    Error error = ObjectError(
        entry.code == "AccessDenied" ? ErrorCode::kAccessDenied : ErrorCode::kOther,
        "DeleteObjects", url,
        "deleting " + url.ToString() + " failed: " + entry.code + " (" + entry.message + ")");
    error.s3_code = std::move(entry.code);
    failed.emplace_back(std::move(url), std::move(error));
  }
  return failed;
}

}  // namespace

Result<std::shared_ptr<Client>> Client::Create(const ConfigOptions& options) {
  Result<Config> config = ResolveConfig(options, SystemConfigInputs());
  if (!config.ok()) return std::move(config).error();
  auto service = crt::MakeService(config.value());
  if (!service.ok()) return std::move(service).error();
  GetProcessMemory().Configure(config.value());
  auto client = std::make_shared<Client>(std::move(config).value(), service.value().store);
  client->presign_ = service.value().presign;
  return client;
}

Client::Client(Config config, std::shared_ptr<ObjectStore> store)
    : config_(std::move(config)),
      store_(std::move(store)),
      predictor_(std::make_unique<SizePredictor>(config_.part_size)) {}

Client::~Client() = default;

Result<ObjectInfo> Client::Head(const S3Url& url, const std::string& version_id,
                                const CallOptions& call) const {
  WaitLimit limit(call, config_.total_timeout_s);
  return Await<ObjectInfo>(
      &limit, [&](auto done) { return store_->Head({url, version_id, true}, std::move(done)); });
}

Result<Fetched> Client::Get(const S3Url& url, const FetchOptions& options,
                            const CallOptions& call) const {
  const Status valid = CheckFetch(url, options.range, options);
  if (!valid.ok()) return valid.error();
  WaitLimit limit(call, config_.total_timeout_s);
  Fetch fetch(*store_, *GetProcessMemory().pool, *predictor_, url, options);
  fetch.set_driven();
  return RunFetch(&fetch, &limit);
}

Result<GetResult> Client::GetInto(const S3Url& url, MutableBytes destination,
                                  const FetchOptions& options, const CallOptions& call) const {
  const Status valid = CheckFetch(url, options.range, options);
  if (!valid.ok()) return valid.error();
  const std::optional<ByteRange>& range = options.range;
  if (range && range->end && *range->end - range->start > destination.size) {
    return InvalidArgument("range " + range->ToString() + " of " + url.ToString() + " has " +
                           std::to_string(*range->end - range->start) +
                           " bytes, but the buffer holds " + std::to_string(destination.size));
  }
  if (range && range->end == range->start) return GetResult{};
  WaitLimit limit(call, config_.total_timeout_s);
  std::byte
      spare;  // a zero-sized buffer still asks for one byte, to learn whether the object is empty
  GetRequest request;
  request.url = url;
  request.if_match = options.if_match;
  request.version_id = options.version_id;
  request.destination = destination.size != 0 ? destination : MutableBytes{&spare, 1};
  request.range.start = range ? range->start : 0;
  request.range.end =
      range && range->end ? *range->end : request.range.start + request.destination.size;
  request.whole = !range;
  request.driven = true;
  Result<GetResult> got =
      Await<GetResult>(&limit, [&](auto done) { return store_->Get(request, std::move(done)); });
  if (!got.ok() || (range && range->end)) return got;
  const uint64_t available =
      got.value().info.size - std::min(got.value().info.size, request.range.start);
  if (available > destination.size) {
    return InvalidArgument(url.ToString() + " has " + std::to_string(available) +
                           " bytes to read, but the buffer holds " +
                           std::to_string(destination.size));
  }
  return got;
}

Result<FiledRange> Client::GetIntoFile(const S3Url& url, int descriptor, const ByteRange& range,
                                       const std::string& if_match, bool checksum,
                                       const CallOptions& call) const {
  const Status valid = CheckFetch(url, range, {range, if_match, ""});
  if (!valid.ok()) return valid.error();
  if (!range.end) return InvalidArgument("a range that goes into a file has an end");
  FiledRange filed;
  const uint64_t size = *range.end - range.start;
  if (size == 0) return filed;
  GetRequest request;
  request.url = url;
  request.if_match = if_match;
  request.range = range;
  request.destination.size = static_cast<size_t>(size);
  request.file = {descriptor, range.start, &filed.file_error};
  request.driven = true;
  WaitLimit limit(call, config_.total_timeout_s);
  const Result<GetResult> got =
      Await<GetResult>(&limit, [&](auto done) { return store_->Get(request, std::move(done)); });
  if (filed.file_error != 0) return filed;
  if (!got.ok()) return got.error();
  if (got.value().received != size)
    return ObjectError(ErrorCode::kRange, "GetObject", url,
                       url.ToString() + " ends within the range " + range.ToString());
  if (checksum) {
    const FileChecksum found = ChecksumOf(descriptor, range);
    filed = {found.error, found.crc64nvme};
  }
  return filed;
}

Result<std::vector<Fetched>> Client::GetRanges(const S3Url& url,
                                               const std::vector<ByteRange>& ranges,
                                               uint64_t coalesce_gap, const FetchOptions& options,
                                               const CallOptions& call) const {
  for (const ByteRange& range : ranges) {
    const Status valid = CheckFetch(url, range, options);
    if (!valid.ok()) return valid.error();
    if (!range.end)
      return InvalidArgument("every range of get_ranges needs an end: " + range.ToString());
  }
  const Result<CoalescePlan> planned = Coalesce(ranges, {coalesce_gap, kMaxCoalescedSize});
  if (!planned.ok()) return planned.error();
  const CoalescePlan& plan = planned.value();
  WaitLimit limit(call, config_.total_timeout_s);
  std::vector<SlabPtr> slabs(plan.reads.size());
  const auto reservations = std::make_shared<Reservations>();
  auto results =
      AwaitAll<GetResult>(plan.reads.size(), kRequestsInFlight, &limit, [&](size_t i, auto done) {
        const ByteRange& range = plan.reads[i];
        const uint64_t reserved = SlabPool::SizeClass(*range.end - range.start);
        if (const Status granted = reservations->Take(reserved, &limit); !granted.ok()) {
          done(granted.error());
          return OperationPtr();
        }
        slabs[i] = GetProcessMemory().pool->Allocate(*range.end - range.start);
        GetRequest request;
        request.url = url;
        request.range = range;
        request.destination = {slabs[i]->data(), static_cast<size_t>(*range.end - range.start)};
        request.if_match = options.if_match;
        request.version_id = options.version_id;
        return store_->Get(std::move(request), [reservations, reserved,
                                                done = std::move(done)](Result<GetResult> result) {
          reservations->Release(reserved);
          done(std::move(result));
        });
      });
  if (!results.ok()) return std::move(results).error();
  return PiecesOf(url, ranges, plan, slabs, results.value());
}

std::unique_ptr<GetManyStream> Client::GetMany(const GetManyOptions& options) const {
  // More than keeps all connections busy only takes memory, and out of the caches.
  const uint64_t enough = 2 * config_.Connections() * config_.part_size;
  return MakeGetManyStream(*store_, GetProcessMemory(), *predictor_, options, enough);
}

Result<PutResult> Client::Put(const S3Url& url, ConstBytes data, const UploadOptions& options,
                              const CallOptions& call) const {
  return UploadBytes(store_, config_, url, data, options, call);
}

Result<ListPage> Client::List(const ListRequest& request, const CallOptions& call) const {
  WaitLimit limit(call, config_.total_timeout_s);
  return Await<ListPage>(&limit, [&](auto done) { return store_->List(request, std::move(done)); });
}

Status Client::Delete(const S3Url& url, const std::string& version_id,
                      const CallOptions& call) const {
  WaitLimit limit(call, config_.total_timeout_s);
  return Await<std::monostate>(
      &limit, [&](auto done) { return store_->Delete(url, version_id, std::move(done)); });
}

Result<std::vector<std::pair<S3Url, Error>>> Client::DeleteMany(const std::vector<S3Url>& urls,
                                                                const CallOptions& call) const {
  std::map<std::string, std::vector<std::string>> by_bucket;
  for (const S3Url& url : urls) by_bucket[url.bucket].push_back(url.key);
  std::vector<DeleteManyRequest> batches;
  for (auto& [bucket, keys] : by_bucket) {
    for (size_t i = 0; i < keys.size(); i += kDeleteBatch) {
      const size_t end = std::min(keys.size(), i + kDeleteBatch);
      batches.push_back(
          {bucket,
           {keys.begin() + static_cast<ptrdiff_t>(i), keys.begin() + static_cast<ptrdiff_t>(end)}});
    }
  }
  WaitLimit limit(call, config_.total_timeout_s);
  auto results = AwaitAll<std::vector<DeleteError>>(
      batches.size(), 4, &limit,
      [&](size_t i, auto done) { return store_->DeleteMany(batches[i], std::move(done)); });
  if (!results.ok()) return std::move(results).error();
  std::vector<std::pair<S3Url, Error>> failed;
  for (size_t i = 0; i < batches.size(); ++i) {
    for (auto& entry : FailedDeletes(batches[i].bucket, std::move(results.value()[i]))) {
      failed.push_back(std::move(entry));
    }
  }
  return failed;
}

Result<PutResult> Client::Copy(const CopyRequest& request, const CallOptions& call) const {
  return CopyObject(store_, config_, request, call);
}

Status Client::CreateBucket(const std::string& bucket, const CallOptions& call) const {
  WaitLimit limit(call, config_.total_timeout_s);
  return Await<std::monostate>(
      &limit, [&](auto done) { return store_->CreateBucket(bucket, std::move(done)); });
}

Status Client::DeleteBucket(const std::string& bucket, const CallOptions& call) const {
  WaitLimit limit(call, config_.total_timeout_s);
  return Await<std::monostate>(
      &limit, [&](auto done) { return store_->DeleteBucket(bucket, std::move(done)); });
}

Result<std::vector<BucketInfo>> Client::ListBuckets(const CallOptions& call) const {
  WaitLimit limit(call, config_.total_timeout_s);
  return Await<std::vector<BucketInfo>>(
      &limit, [&](auto done) { return store_->ListBuckets(std::move(done)); });
}

Result<size_t> Client::AbortStaleUploads(const S3Url& prefix, int64_t older_than_ms,
                                         const CallOptions& call) const {
  WaitLimit limit(call, config_.total_timeout_s);
  ListUploadsRequest request{prefix.bucket, prefix.key, "", ""};
  size_t aborted = 0;
  do {
    auto page = Await<UploadsPage>(
        &limit, [&](auto done) { return store_->ListUploads(request, std::move(done)); });
    if (!page.ok()) return std::move(page).error();
    for (const PendingUpload& upload : page.value().uploads) {
      if (upload.initiated_ms >= older_than_ms) continue;
      const Status done_status = Await<std::monostate>(&limit, [&](auto done) {
        return store_->AbortUpload({prefix.bucket, upload.key}, upload.upload_id, std::move(done));
      });
      if (!done_status.ok()) return done_status.error();
      ++aborted;
    }
    request.key_marker = page.value().next_key_marker;
    request.upload_id_marker = page.value().next_upload_id_marker;
  } while (!request.key_marker.empty());
  return aborted;
}

Result<std::string> Client::Presign(const PresignRequest& request) const {
  if (!presign_) return InvalidArgument("this store cannot presign URLs");
  return presign_(request);
}

}  // namespace s3native
