#include "s3native/writer.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "header_values.h"
#include "multipart_upload.h"
#include "part_plan.h"
#include "process_memory.h"
#include "upload.h"
#include "wait.h"

namespace s3native {
namespace {

constexpr char kReentrant[] = "reentrant call inside a file that is being written";
// A small object gets along with this; a larger one grows its buffer to that of a part.
constexpr uint64_t kFirstBuffer = 256ull << 10;
constexpr uint64_t kGrowth = 8;

// What is under way, shared with completions.
struct Sending {
  std::mutex mutex;
  std::condition_variable arrived;
  std::vector<CompletedPart> parts;     // by number - 1
  std::map<int, OperationPtr> running;  // by number
  uint64_t buffered = 0;                // of the budget, by those
  std::optional<Error> error;
};

class ObjectWriter : public Writer {
 public:
  ObjectWriter(const Client& client, S3Url url, UploadOptions options)
      : client_(client),
        url_(std::move(url)),
        options_(std::move(options)),
        part_size_(options_.part_size != 0 ? options_.part_size : client.config().part_size),
        checksum_(!options_.after && options_.checksum.value_or(client.config().request_checksum ==
                                                                ChecksumPolicy::kWhenSupported)) {}
  ~ObjectWriter() override { Abort(); }

  Status Write(ConstBytes data, const CallOptions& call) override;
  Result<PutResult> Close(const CallOptions& call) override;
  void Abort() override;

 private:
  // One call at a time; but a wait that asks whether it is interrupted may be answered by a call.
  class Turn {
   public:
    explicit Turn(ObjectWriter* writer)
        : writer_(*writer), reentrant_(writer->owner_ == std::this_thread::get_id()) {
      if (reentrant_) return;
      writer_.mutex_.lock();
      writer_.owner_ = std::this_thread::get_id();
    }
    ~Turn() {
      if (reentrant_) return;
      writer_.owner_ = std::thread::id();
      writer_.mutex_.unlock();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    bool reentrant() const { return reentrant_; }

   private:
    ObjectWriter& writer_;
    const bool reentrant_;
  };

  int next_number() const { return upload_ ? upload_->part_count() + 1 : 1; }
  uint64_t NextPartSize() const {
    return squeezed_ ? kMinPartSize : GrowingPartSize(next_number(), part_size_);
  }
  Status Take(ConstBytes data, WaitLimit* limit);
  Status Fill(ConstBytes* data, WaitLimit* limit);
  Status MakeRoom(uint64_t wanted, WaitLimit* limit);
  Status SendBuffer(WaitLimit* limit);
  Status CheckUsable();
  Status Begin(WaitLimit* limit);
  Status Send(ConstBytes data, std::unique_ptr<ReservedSlab> buffer, WaitLimit* limit);
  Status WaitUntil(const std::function<bool()>& holds, WaitLimit* limit);
  Result<std::unique_ptr<ReservedSlab>> Allocate(uint64_t size, uint64_t least, WaitLimit* limit);
  Result<PutResult> Finish(const CallOptions& call);
  void Discard(const Error& error);

  const Client& client_;
  const S3Url url_;
  const UploadOptions options_;
  const uint64_t part_size_;
  const bool checksum_;
  std::mutex mutex_;                         // held by each call
  std::atomic<std::thread::id> owner_{};     // of the mutex
  std::unique_ptr<MultipartUpload> upload_;  // begun when there is more than one part
  std::unique_ptr<ReservedSlab> buffer_;     // of the part that is being filled
  uint64_t filled_ = 0;
  bool squeezed_ = false;  // that part is as small as parts may be, since the budget is spent
  uint64_t sent_ = 0;
  bool closed_ = false;
  const std::shared_ptr<Sending> sending_ = std::make_shared<Sending>();
};

// `holds` is asked with the lock, whenever a part has arrived.
Status ObjectWriter::WaitUntil(const std::function<bool()>& holds, WaitLimit* limit) {
  std::unique_lock lock(sending_->mutex);
  while (!sending_->arrived.wait_for(lock, kInterruptPoll,
                                     [&] { return sending_->error || holds(); })) {
    lock.unlock();
    if (const std::optional<Error>& expired = limit->Expired()) return *expired;
    lock.lock();
  }
  if (sending_->error) return *sending_->error;
  return Ok();
}

// Waits for this writer's parts, or for others, to give back enough. A writer that has nothing
// under way waits for nobody, since others may be waiting for it: it makes do with the least.
Result<std::unique_ptr<ReservedSlab>> ObjectWriter::Allocate(uint64_t size, uint64_t least,
                                                             WaitLimit* limit) {
  ProcessMemory& memory = GetProcessMemory();
  while (true) {
    const uint64_t seen = memory.budget->release_count();
    uint64_t coming_back = 0;
    {
      std::lock_guard lock(sending_->mutex);
      if (sending_->error) return *sending_->error;
      coming_back = sending_->buffered;
    }
    if (auto granted = ReservedSlab::TryAllocate(memory, size, Claim::kSpare)) return granted;
    if (coming_back == 0) return ReservedSlab::TryAllocate(memory, least, Claim::kNeeded);
    memory.budget->WaitForRelease(seen, static_cast<int>(kInterruptPoll.count()));
    if (const std::optional<Error>& expired = limit->Expired()) return *expired;
  }
}

// The upload, with what is there already as its first parts.
Status ObjectWriter::Begin(WaitLimit* limit) {
  auto begun =
      MultipartUpload::Begin(client_.shared_store(), {url_, options_.object, checksum_}, limit);
  if (!begun.ok()) return begun.error();
  upload_ = std::move(begun).value();
  const uint64_t existing = options_.after ? options_.after->size : 0;
  while (sent_ < existing) {
    // Half of what is left, where the rest of it would be too small for a part.
    const uint64_t left = existing - sent_;
    const uint64_t size = left <= kMaxPartSize ? left : std::min(kMaxPartSize, left / 2);
    UploadPartCopyRequest part = upload_->NextCopy(options_.after->etag, {sent_, sent_ + size});
    sent_ += size;
    Result<CompletedPart> copied = Await<CompletedPart>(limit, [&](auto done) {
      return client_.store().UploadPartCopy(std::move(part), std::move(done));
    });
    if (!copied.ok()) return copied.error();
    std::lock_guard lock(sending_->mutex);
    sending_->parts.push_back(std::move(copied).value());
  }
  return Ok();
}

// One part on its way, with its memory, if that is ours.
Status ObjectWriter::Send(ConstBytes data, std::unique_ptr<ReservedSlab> buffer, WaitLimit* limit) {
  if (next_number() > static_cast<int>(kMaxPartCount))
    return InvalidArgument(url_.ToString() + " is larger than the 5 TiB that S3 takes");
  if (!upload_) {
    if (Status begun = Begin(limit); !begun.ok()) return begun;
  }
  const auto has_room = [&] { return sending_->running.size() < kPartsInFlight; };
  if (Status room = WaitUntil(has_room, limit); !room.ok()) return room;
  UploadPartRequest part = upload_->NextPart(data);
  const int number = part.part_number;
  sent_ += data.size;
  const uint64_t reserved = buffer ? buffer->reserved() : 0;
  {
    std::lock_guard lock(sending_->mutex);
    sending_->running[number] = nullptr;
    sending_->buffered += reserved;
    sending_->parts.resize(number);
  }
  auto arrived = [sending = sending_, number, reserved,
                  kept = std::shared_ptr<ReservedSlab>(std::move(buffer))](
                     Result<CompletedPart> result) mutable {
    kept = nullptr;
    std::lock_guard lock(sending->mutex);
    if (result.ok())
      sending->parts[number - 1] = std::move(result).value();
    else if (!sending->error)
      sending->error = std::move(result).error();
    sending->buffered -= reserved;
    sending->running.erase(number);
    sending->arrived.notify_one();
  };
  OperationPtr operation = client_.store().UploadPart(std::move(part), std::move(arrived));
  std::lock_guard lock(sending_->mutex);
  if (const auto found = sending_->running.find(number); found != sending_->running.end())
    found->second = std::move(operation);
  return Ok();
}

Status ObjectWriter::SendBuffer(WaitLimit* limit) {
  const ConstBytes data{buffer_->data(), static_cast<size_t>(filled_)};
  filled_ = 0;
  squeezed_ = false;
  return Send(data, std::move(buffer_), limit);
}

// A buffer with room, and with as much as `wanted` if a part may be that large.
Status ObjectWriter::MakeRoom(uint64_t wanted, WaitLimit* limit) {
  if (buffer_ && filled_ < buffer_->size()) return Ok();
  uint64_t size = NextPartSize();
  if (next_number() == 1) {
    const uint64_t larger = buffer_ ? kGrowth * buffer_->size() : kFirstBuffer;
    size = std::min(size, std::max(larger, filled_ + wanted));
  }
  // The later parts alone hold the largest object.
  const bool may_squeeze = next_number() <= kPartsBeforeGrowth;
  std::unique_ptr<ReservedSlab> larger;
  if (may_squeeze && filled_ >= kMinPartSize) {
    larger = ReservedSlab::TryAllocate(GetProcessMemory(), size, Claim::kSpare);
    if (!larger) {  // it is a part as it is
      if (Status sent = SendBuffer(limit); !sent.ok()) return sent;
      return MakeRoom(wanted, limit);
    }
  } else {
    auto granted = Allocate(size, may_squeeze ? std::min(size, kMinPartSize) : size, limit);
    if (!granted.ok()) return granted.error();
    larger = std::move(granted).value();
  }
  squeezed_ = larger->size() < size;
  if (filled_ > 0) std::memcpy(larger->data(), buffer_->data(), filled_);
  buffer_ = std::move(larger);
  return Ok();
}

Status ObjectWriter::Fill(ConstBytes* data, WaitLimit* limit) {
  if (Status room = MakeRoom(data->size, limit); !room.ok()) return room;
  const auto size = static_cast<size_t>(std::min<uint64_t>(data->size, buffer_->size() - filled_));
  std::memcpy(buffer_->data() + filled_, data->data, size);
  filled_ += size;
  *data = {data->data + size, data->size - size};
  return Ok();
}

// Nothing is sent before it is known that one part does not hold everything.
Status ObjectWriter::Take(ConstBytes data, WaitLimit* limit) {
  std::vector<int> borrowed;
  while (data.size > 0) {
    const uint64_t part_size = NextPartSize();
    Status done = Ok();
    if (filled_ == part_size) {
      done = SendBuffer(limit);
    } else if (filled_ == 0 && (data.size > part_size || (upload_ && data.size == part_size))) {
      borrowed.push_back(next_number());
      done = Send({data.data, static_cast<size_t>(part_size)}, nullptr, limit);
      data = {data.data + part_size, data.size - static_cast<size_t>(part_size)};
    } else {
      done = Fill(&data, limit);
      if (done.ok() && upload_ && filled_ == part_size) done = SendBuffer(limit);
    }
    if (!done.ok()) return done;
  }
  // Then the caller's memory is the caller's again.
  const auto returned = [&] {
    return std::none_of(borrowed.begin(), borrowed.end(),
                        [&](int number) { return sending_->running.contains(number); });
  };
  return borrowed.empty() ? Ok() : WaitUntil(returned, limit);
}

// What has become of it earlier.
Status ObjectWriter::CheckUsable() {
  {
    std::lock_guard lock(sending_->mutex);
    if (sending_->error) return *sending_->error;
  }
  if (closed_) return InvalidArgument("the writer of " + url_.ToString() + " is closed");
  return Ok();
}

Status ObjectWriter::Write(ConstBytes data, const CallOptions& call) {
  const Turn turn(this);
  if (turn.reentrant()) return InvalidArgument(kReentrant);
  if (Status usable = CheckUsable(); !usable.ok()) return usable;
  WaitLimit limit(call, client_.config().total_timeout_s);
  Status taken = Take(data, &limit);
  if (!taken.ok()) Discard(taken.error());
  return taken;
}

Result<PutResult> ObjectWriter::Finish(const CallOptions& call) {
  WaitLimit limit(call, client_.config().total_timeout_s);
  if (!upload_ && options_.after) {
    if (Status begun = Begin(&limit); !begun.ok()) return begun.error();
  }
  if (!upload_) {
    const ConstBytes data{buffer_ ? buffer_->data() : nullptr, static_cast<size_t>(filled_)};
    return UploadBytes(client_.shared_store(), client_.config(), url_, data, options_, call);
  }
  if (filled_ > 0) {
    if (Status sent = SendBuffer(&limit); !sent.ok()) return sent.error();
  }
  if (Status all = WaitUntil([&] { return sending_->running.empty(); }, &limit); !all.ok())
    return all.error();
  return std::exchange(upload_, nullptr)->Complete(std::move(sending_->parts), sent_, &limit);
}

Result<PutResult> ObjectWriter::Close(const CallOptions& call) {
  const Turn turn(this);
  if (turn.reentrant()) return InvalidArgument(kReentrant);
  if (Status usable = CheckUsable(); !usable.ok()) {
    Discard(usable.error());
    return usable.error();
  }
  Result<PutResult> result = Finish(call);
  if (!result.ok()) Discard(result.error());
  closed_ = true;
  buffer_ = nullptr;
  return result;
}

// Stops what is under way, and leaves nothing of an upload that was not completed.
void ObjectWriter::Discard(const Error& error) {
  closed_ = true;
  std::unique_lock lock(sending_->mutex);
  if (!sending_->error) sending_->error = error;
  const auto running = sending_->running;
  lock.unlock();
  for (const auto& [number, operation] : running) {
    if (operation) operation->Cancel();
  }
  lock.lock();
  sending_->arrived.wait(lock, [&] { return sending_->running.empty(); });
  lock.unlock();
  if (upload_) std::exchange(upload_, nullptr)->Abort();
  buffer_ = nullptr;
}

void ObjectWriter::Abort() {
  const Error error = InvalidArgument("the writer of " + url_.ToString() + " was aborted");
  const Turn turn(this);
  if (!turn.reentrant()) {
    if (!closed_) Discard(error);
    return;
  }
  // The call that asks whether it is interrupted ends with this.
  std::lock_guard lock(sending_->mutex);
  if (!sending_->error) sending_->error = error;
}

}  // namespace

Result<std::unique_ptr<Writer>> Client::OpenWriter(S3Url url, UploadOptions options) const {
  if (const Status valid = CheckPutOptions(options.object); !valid.ok()) return valid.error();
  if (options.after && options.after->size < kMinPartSize)
    return InvalidArgument(url.ToString() + " has fewer than the 5 MiB that S3 appends to");
  return std::unique_ptr<Writer>(
      std::make_unique<ObjectWriter>(*this, std::move(url), std::move(options)));
}

}  // namespace s3native
