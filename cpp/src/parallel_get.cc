#include "parallel_get.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "checksum_text.h"
#include "s3native/checksums.h"

namespace s3native {
namespace {

class ParallelGet : public Operation, public std::enable_shared_from_this<ParallelGet> {
 public:
  ParallelGet(const ParallelGetOptions& options, GetPart get_part, GetRequest get,
              Completion<GetResult> done)
      : options_(options),
        get_part_(std::move(get_part)),
        on_tail_(std::exchange(get.on_tail, nullptr)),
        get_(std::move(get)),
        done_(std::move(done)),
        end_(*get_.range.end),
        next_(get_.range.start) {}

  void Start() {
    Launch(TakePart(), [self = shared_from_this()](const ObjectInfo& info) { self->Pin(info); });
  }

  void Cancel() override {
    std::unique_lock lock(mutex_);
    cancelled_ = true;
    CancelParts(&lock);
  }

 private:
  // Next range, counted as in flight; with the lock held, or before any other thread is here.
  ByteRange TakePart() {
    const ByteRange range{next_, next_ + std::min(options_.part_size, end_ - next_)};
    next_ = *range.end;
    ++in_flight_;
    return range;
  }

  void Launch(ByteRange range, OnObject on_object) {
    GetRequest request = get_;
    request.range = range;
    const uint64_t offset = range.start - get_.range.start;
    request.destination = {get_.destination.data + offset,
                           static_cast<size_t>(*range.end - range.start)};
    OperationPtr operation =
        get_part_(std::move(request), std::move(on_object),
                  [self = shared_from_this(), range](Result<GetResult> result) {
                    self->OnPart(range, std::move(result));
                  });
    std::unique_lock lock(mutex_);
    // It may have ended already.
    if (std::erase(ended_early_, range.start) != 0) return;
    running_.push_back({range.start, operation});
    const bool stop = cancelled_ || error_;
    lock.unlock();
    if (stop && operation) operation->Cancel();
  }

  // The object is known: cut the range at its end, and ask for the rest.
  void Pin(const ObjectInfo& info) {
    bool ask = false;
    {
      std::lock_guard lock(mutex_);
      if (pinned_) return;
      pinned_ = true;
      if (!info.etag.empty()) get_.if_match = info.etag;
      end_ = std::min(end_, info.size);
      ask = asking_ = options_.ask_checksum && get_.range.start == 0 && end_ == info.size;
    }
    LaunchMore();
    if (ask) Ask();
  }

  void Ask() {
    OperationPtr question =
        options_.ask_checksum([self = shared_from_this()](Result<ObjectInfo> answer) {
          self->OnChecksum(std::move(answer));
        });
    std::unique_lock lock(mutex_);
    if (!asking_) return;
    question_ = question;
    const bool stop = cancelled_ || error_;
    lock.unlock();
    if (stop && question) question->Cancel();
  }

  // No answer, or one about another object, leaves the bytes unverified.
  void OnChecksum(Result<ObjectInfo> answer) {
    OperationPtr answered;  // goes without the lock
    {
      std::lock_guard lock(mutex_);
      asking_ = false;
      answered = std::move(question_);
      if (answer.ok() && answer.value().etag == get_.if_match)
        expected_ = Base64ToCrc64(answer.value().checksum_crc64nvme);
    }
    Finish();
  }

  const std::byte* At(uint64_t start) const {
    return get_.destination.data + (start - get_.range.start);
  }

  // Of everything, from the checksums of the parts; those that came before the answer are read now.
  uint64_t Checksum() {
    uint64_t whole = 0;
    for (uint64_t start = 0; start < end_; start += options_.part_size) {
      const uint64_t size = std::min(options_.part_size, end_ - start);
      const auto found = checksums_.find(start);
      const uint64_t part = found != checksums_.end() ? found->second : Crc64Nvme(At(start), size);
      whole = CombineCrc64Nvme(whole, part, size);
    }
    return whole;
  }

  // One call at a time launches, and sees what has changed meanwhile: parts that complete within
  // their launch do not nest.
  void LaunchMore() {
    std::unique_lock lock(mutex_);
    if (launching_) return;
    launching_ = true;
    while (!cancelled_ && !error_ && pinned_ && next_ < end_ && in_flight_ < options_.concurrency) {
      const ByteRange range = TakePart();
      lock.unlock();
      Launch(range, nullptr);
      lock.lock();
    }
    launching_ = false;
    if (!pinned_ || next_ < end_ || in_flight_ > options_.tail) return;
    const std::function<void()> on_tail = std::exchange(on_tail_, nullptr);
    lock.unlock();
    if (on_tail) on_tail();
  }

  void OnPart(ByteRange range, Result<GetResult> result) {
    const bool first = range.start == get_.range.start;
    if (result.ok() && first) Pin(result.value().info);
    bool verify = false;
    {
      std::lock_guard lock(mutex_);
      verify = result.ok() && expected_;
    }
    // Here, where the bytes are still in a cache.
    const uint64_t checksum = verify ? Crc64Nvme(At(range.start), result.value().received) : 0;
    {
      std::unique_lock lock(mutex_);
      --in_flight_;
      if (std::erase_if(running_, [&](const auto& part) { return part.first == range.start; }) == 0)
        ended_early_.push_back(range.start);
      // A part that was tried again may have met another object.
      if (result.ok() && !result.value().info.etag.empty() &&
          result.value().info.etag != get_.if_match)
        result = Failure(ErrorCode::kPreconditionFailed, "failed: the object was overwritten");
      if (result.ok()) {
        received_ += result.value().received;
        if (verify) checksums_[range.start] = checksum;
        if (first) first_ = std::move(result).value();
      } else if (!error_) {
        error_ = std::move(result).error();
        CancelParts(&lock);
      }
    }
    LaunchMore();
    Finish();
  }

  void CancelParts(std::unique_lock<std::mutex>* lock) {
    auto running = running_;
    running.emplace_back(end_, question_);
    lock->unlock();
    for (const auto& [start, operation] : running) {
      if (operation) operation->Cancel();
    }
  }

  void Finish() {
    Completion<GetResult> done;
    bool cancelled = false;
    {
      std::lock_guard lock(mutex_);
      const bool over = error_ || cancelled_ || (pinned_ && next_ >= end_);
      if (in_flight_ != 0 || asking_ || !over || !done_) return;
      done = std::move(done_);
      done_ = nullptr;
      cancelled = cancelled_;
    }
    if (error_) return done(std::move(*error_));
    if (cancelled) return done(Failure(ErrorCode::kCancelled, "was cancelled"));
    if (next_ < end_ || received_ != end_ - get_.range.start)
      return done(Failure(ErrorCode::kIntegrity, "failed: bytes are missing"));
    if (expected_ && Checksum() != *expected_)
      return done(
          Failure(ErrorCode::kIntegrity, "failed: the bytes do not match the object's CRC64NVME"));
    first_.received = received_;
    first_.checksum_validated = expected_.has_value();
    done(std::move(first_));
  }

  Error Failure(ErrorCode code, const char* what) const {
    const std::string range = get_.range.ToString();
    Error error = ObjectError(code, "GetObject", get_.url,
                              "GetObject " + get_.url.ToString() + " " + range + " " + what +
                                  ", after " + std::to_string(received_) + " bytes");
    error.range = range;
    error.retryable = code == ErrorCode::kIntegrity;
    return error;
  }

  const ParallelGetOptions options_;
  const GetPart get_part_;
  std::mutex mutex_;  // guards what follows
  std::function<void()> on_tail_;
  GetRequest get_;
  Completion<GetResult> done_;
  uint64_t end_;   // of the range, once pinned not behind the object's end
  uint64_t next_;  // start of the next part
  size_t in_flight_ = 0;
  std::vector<std::pair<uint64_t, OperationPtr>> running_;  // by the part's start
  std::vector<uint64_t> ended_early_;  // parts that ended before their operation was known
  bool pinned_ = false;
  bool cancelled_ = false;
  bool launching_ = false;                  // a call of LaunchMore is at work
  bool asking_ = false;                     // for the checksum
  OperationPtr question_;                   // that asks
  std::optional<uint64_t> expected_;        // CRC64NVME of the object
  std::map<uint64_t, uint64_t> checksums_;  // of parts, by their start
  uint64_t received_ = 0;
  GetResult first_;
  std::optional<Error> error_;
};

}  // namespace

OperationPtr StartParallelGet(const ParallelGetOptions& options, GetPart get_part, GetRequest get,
                              Completion<GetResult> done) {
  auto operation =
      std::make_shared<ParallelGet>(options, std::move(get_part), std::move(get), std::move(done));
  operation->Start();
  return operation;
}

}  // namespace s3native
