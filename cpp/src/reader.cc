#include "s3native/reader.h"

#include <algorithm>
#include <cstring>
#include <list>
#include <mutex>

#include "coalesce.h"
#include "direct_reads.h"
#include "header_values.h"
#include "prefetch_window.h"
#include "process_memory.h"
#include "read_blocks.h"
#include "size_predictor.h"
#include "steady_clock.h"
#include "wait.h"

namespace s3native {
namespace {

// Kept behind the cursor, for seeks back into what has just been read.
constexpr uint64_t kSeekWindow = 1ull << 20;
// Hints at most this far apart share a request.
constexpr uint64_t kHintGap = 64ull << 10;

// What no block holds, as requests beside each other.
std::vector<Piece> Spread(const std::vector<Piece>& pieces, uint64_t request_size) {
  std::vector<Piece> spread;
  for (const Piece& piece : pieces) {
    const uint64_t size = piece.end - piece.start;
    const uint64_t step = piece.block ? size : request_size;
    for (uint64_t start = piece.start; start < piece.end; start += step)
      spread.push_back({start, std::min(start + step, piece.end), piece.block});
  }
  return spread;
}

class ObjectReader : public Reader {
 public:
  ObjectReader(const Client& client, SizePredictor& predictor, S3Url url, ReaderOptions options)
      : client_(client),
        predictor_(predictor),
        url_(std::move(url)),
        options_(std::move(options)),
        window_(
            {options_.access,
             options_.follow ? 0 : options_.readahead.value_or(client.config().memory_limit / 4),
             client.config().part_size, client.config().Connections()}),
        size_(options_.size),
        etag_(options_.etag),
        blocks_(client.store(), GetProcessMemory()) {}

  Result<uint64_t> ReadAt(uint64_t start, MutableBytes destination, ReadKind kind,
                          const CallOptions& call) override;
  Result<Fetched> ViewAt(uint64_t start, uint64_t size, const CallOptions& call) override;
  Result<Fetched> ViewRest(uint64_t start, uint64_t enough, const CallOptions& call) override;
  Result<Fetched> ViewSome(uint64_t start, uint64_t size, const CallOptions& call) override;
  uint64_t PredictedRest(uint64_t start) const override;
  std::optional<ObjectInfo> Pinned() const override;
  Result<ObjectInfo> Info(const CallOptions& call) override;
  Result<uint64_t> Size(const CallOptions& call) override;
  Status WillNeed(const std::vector<ByteRange>& ranges, const CallOptions& call) override;

 private:
  struct Gathered {
    uint64_t size = 0;
    uint64_t waited_us = 0;
  };

  struct Hint {
    uint64_t start = 0;
    uint64_t end = 0;
    uint64_t wanted = 0;  // bytes of it
  };

  uint64_t EndOf(uint64_t start, uint64_t size) const;
  GetRequest RequestFor(uint64_t start, uint64_t end) const;
  Status Learn(const ObjectInfo& info);
  bool MayPrefetch() const;
  void ReadAhead(uint64_t from, uint64_t ahead);
  void LaunchHints();
  void ForgetHints(uint64_t start, uint64_t end);
  Result<Gathered> Gather(uint64_t start, uint64_t end, std::byte* destination, ReadKind kind,
                          uint64_t ahead, WaitLimit* limit);
  uint64_t RequestSizeFor(uint64_t size) const;
  Result<uint64_t> Arrived(Result<GetResult> got);
  void Served(const Gathered& gathered);
  Result<Fetched> IntoSlab(uint64_t start, uint64_t end, ReadKind kind, const CallOptions& call);
  Result<Fetched> ViewOf(const BlockPtr& block, uint64_t start, uint64_t end, WaitLimit* limit);
  Result<bool> Await(const BlockPtr& block, WaitLimit* limit, uint64_t* waited_us);
  Result<uint64_t> Copy(const Piece& piece, std::byte* destination, WaitLimit* limit,
                        uint64_t* waited_us);
  uint64_t Plan(uint64_t start, uint64_t end);

  const Client& client_;
  SizePredictor& predictor_;
  const S3Url url_;
  const ReaderOptions options_;
  mutable std::mutex mutex_;  // guards what follows, but for the blocks
  PrefetchWindow window_;
  uint64_t served_us_ = 0;  // the end of the last read
  std::optional<uint64_t> size_;
  std::string etag_;
  std::optional<ObjectInfo> info_;
  std::list<Hint> hints_;  // not asked for yet
  ReadBlocks blocks_;
};

// Where a read of `size` bytes ends; nothing is behind the object's end.
uint64_t ObjectReader::EndOf(uint64_t start, uint64_t size) const {
  const uint64_t end = start + std::min(size, UINT64_MAX - start);
  std::lock_guard lock(mutex_);
  return size_ && !options_.follow ? std::max(start, std::min(end, *size_)) : end;
}

GetRequest ObjectReader::RequestFor(uint64_t start, uint64_t end) const {
  GetRequest get;
  get.url = url_;
  get.range = {start, end};
  get.version_id = options_.version_id;
  std::lock_guard lock(mutex_);
  if (!options_.follow) get.if_match = etag_;
  return get;
}

// The object as an answer tells of it, which must be the one that was opened.
Status ObjectReader::Learn(const ObjectInfo& info) {
  std::lock_guard lock(mutex_);
  if (options_.follow) {
    info_ = info;
    return Ok();
  }
  if (info_) return Ok();
  if ((size_ && *size_ != info.size) || (!etag_.empty() && etag_ != info.etag)) {
    return ObjectError(ErrorCode::kPreconditionFailed, "GetObject", url_,
                       url_.ToString() + " has " + std::to_string(info.size) +
                           " bytes and the ETag " + info.etag +
                           ": it is not the object that was opened");
  }
  info_ = info;
  size_ = info.size;
  etag_ = info.etag;
  predictor_.Observe(info.size);
  return Ok();
}

// Requests ahead must be pinned, and know where the object ends.
bool ObjectReader::MayPrefetch() const {
  std::lock_guard lock(mutex_);
  return size_ && !etag_.empty() && !options_.follow;
}

void ObjectReader::ReadAhead(uint64_t from, uint64_t ahead) {
  LaunchHints();
  if (ahead == 0 || !MayPrefetch()) return;
  const uint64_t object_end = EndOf(from, UINT64_MAX);
  const uint64_t block_size = window_.BlockSizeOf(ahead);
  const uint64_t target = std::min(object_end, from + std::min(ahead, UINT64_MAX - from));
  // Never back: another thread may drop what this one has just asked for.
  for (uint64_t start = from;;) {
    start = blocks_.CoveredUntil(start);
    uint64_t end = std::min(object_end, start + block_size);
    // Not for the sake of a few bytes, unless they are the last.
    if (start >= target || (target - start < block_size / 2 && end != object_end)) return;
    end = blocks_.Cover(start, end).front().end;  // up to a hint
    if (!blocks_.Launch(RequestFor(start, end))) return;
    start = end;
  }
}

void ObjectReader::LaunchHints() {
  while (MayPrefetch()) {
    Hint next;
    {
      std::lock_guard lock(mutex_);
      if (hints_.empty()) return;
      next = hints_.front();
      next.end = std::min(next.end, *size_);
      hints_.pop_front();
    }
    if (next.start >= next.end) continue;
    for (const Piece& piece : blocks_.Cover(next.start, next.end)) {
      const uint64_t wanted = std::min(next.wanted, piece.end - piece.start);
      if (piece.block || blocks_.Launch(RequestFor(piece.start, piece.end), wanted)) continue;
      std::lock_guard lock(mutex_);
      hints_.push_front({piece.start, next.end, std::min(next.wanted, next.end - piece.start)});
      return;
    }
  }
}

// [start, end) has been read: what was to be kept for that is not needed any more.
void ObjectReader::ForgetHints(uint64_t start, uint64_t end) {
  const auto read_of = [&](uint64_t from, uint64_t to) {
    return std::max(start, std::min(end, to)) - std::min(end, std::max(start, from));
  };
  blocks_.DropIf([&](Block& block) {
    block.wanted -= std::min(block.wanted, read_of(block.start, block.end));
    return block.hinted && block.wanted == 0;
  });
  std::lock_guard lock(mutex_);
  std::erase_if(hints_, [&](Hint& hint) {
    hint.wanted -= std::min(hint.wanted, read_of(hint.start, hint.end));
    return hint.wanted == 0;
  });
}

// Drops what a read of [start, end) shows not to be needed any more; how far to read ahead of it.
uint64_t ObjectReader::Plan(uint64_t start, uint64_t end) {
  const bool buffered = blocks_.CoveredUntil(start) > start;
  uint64_t ahead = 0;
  bool jumps = false;
  {
    std::lock_guard lock(mutex_);
    jumps = !buffered && !window_.Continues(start);
    ahead = window_.OnRead(start, end - start, buffered);
  }
  const uint64_t behind = start - std::min(start, kSeekWindow);
  blocks_.DropIf(
      [&](const Block& block) { return !block.hinted && (jumps || block.end <= behind); });
  return ahead;
}

Result<uint64_t> ObjectReader::Arrived(Result<GetResult> got) {
  if (!got.ok()) {
    if (got.error().code != ErrorCode::kRange) return std::move(got).error();
    if (!options_.size) return uint64_t{0};  // behind the end, which nobody knew
    return ObjectError(ErrorCode::kPreconditionFailed, "GetObject", url_,
                       url_.ToString() + " has fewer than the " + std::to_string(*options_.size) +
                           " bytes it was opened with");
  }
  if (const Status same = Learn(got.value().info); !same.ok()) return same.error();
  return got.value().received;
}

// Adds to `waited_us`.
Result<bool> ObjectReader::Await(const BlockPtr& block, WaitLimit* limit, uint64_t* waited_us) {
  const uint64_t before_us = NowMicroseconds();
  Result<bool> there = blocks_.WaitFor(block, limit);
  *waited_us += NowMicroseconds() - before_us;
  return there;
}

// A piece out of its block, or once more from the server if its request failed.
Result<uint64_t> ObjectReader::Copy(const Piece& piece, std::byte* destination, WaitLimit* limit,
                                    uint64_t* waited_us) {
  const uint64_t size = piece.end - piece.start;
  const Result<bool> there = Await(piece.block, limit, waited_us);
  if (!there.ok()) return there.error();
  if (there.value()) {
    std::memcpy(destination, piece.block->slab()->data() + (piece.start - piece.block->start),
                size);
    return size;
  }
  GetRequest again = RequestFor(piece.start, piece.end);
  again.destination = {destination, static_cast<size_t>(size)};
  return Arrived(s3native::Await<GetResult>(
      limit, [&](auto done) { return client_.store().Get(again, std::move(done)); }));
}

uint64_t ObjectReader::RequestSizeFor(uint64_t size) const {
  std::lock_guard lock(mutex_);
  return window_.RequestSizeFor(size);
}

Result<ObjectReader::Gathered> ObjectReader::Gather(uint64_t start, uint64_t end,
                                                    std::byte* destination, ReadKind kind,
                                                    uint64_t ahead, WaitLimit* limit) {
  std::vector<Piece> pieces = blocks_.Cover(start, end);
  const uint64_t asked_us = NowMicroseconds();
  uint64_t direct_size = 0;
  for (const Piece& piece : pieces) direct_size += piece.block ? 0 : piece.end - piece.start;
  // The store itself splits what is larger.
  if (kind == ReadKind::kNext && MayPrefetch() && direct_size <= 2 * client_.config().part_size)
    pieces = Spread(pieces, RequestSizeFor(direct_size));
  DirectReads direct(client_.store(), limit);
  const auto is_direct = [](const Piece& piece) { return !piece.block; };
  const bool alone = std::count_if(pieces.begin(), pieces.end(), is_direct) == 1;
  for (const Piece& piece : pieces) {
    if (piece.block) continue;
    GetRequest get = RequestFor(piece.start, piece.end);
    get.driven = alone && ahead == 0;
    get.whole = kind == ReadKind::kRest && start == 0 && pieces.size() == 1;
    direct.Start(std::move(get), destination + (piece.start - start));
  }
  ReadAhead(end, ahead);
  Gathered gathered;
  for (const Piece& piece : pieces) {
    const Result<uint64_t> got =
        piece.block ? Copy(piece, destination + (piece.start - start), limit, &gathered.waited_us)
                    : Arrived(direct.TakeNext());
    if (!got.ok()) return got.error();
    gathered.size += got.value();
    if (got.value() < piece.end - piece.start) break;  // the object's end
  }
  gathered.waited_us += direct.waited_us();
  if (kind == ReadKind::kNext && direct.size() > 1) {
    std::lock_guard lock(mutex_);
    const uint64_t before_us = served_us_ == 0 ? 0 : asked_us - std::min(asked_us, served_us_);
    window_.OnSplit(before_us, direct.late_us(), direct.elapsed_us());
  }
  ForgetHints(start, end);
  return gathered;
}

Result<uint64_t> ObjectReader::ReadAt(uint64_t start, MutableBytes destination, ReadKind kind,
                                      const CallOptions& call) {
  const uint64_t end = EndOf(start, destination.size);
  if (end == start) return uint64_t{0};
  WaitLimit limit(call, client_.config().total_timeout_s);
  const uint64_t ahead = kind == ReadKind::kNext ? Plan(start, end) : 0;
  const Result<Gathered> gathered = Gather(start, end, destination.data, kind, ahead, &limit);
  if (!gathered.ok()) return gathered.error();
  if (kind == ReadKind::kNext) Served(gathered.value());
  return gathered.value().size;
}

void ObjectReader::Served(const Gathered& gathered) {
  std::lock_guard lock(mutex_);
  served_us_ = NowMicroseconds();
  window_.OnServed(gathered.size, gathered.waited_us, served_us_);
}

// [start, end) of a block that has arrived, or will; without a slab when its request failed.
Result<Fetched> ObjectReader::ViewOf(const BlockPtr& block, uint64_t start, uint64_t end,
                                     WaitLimit* limit) {
  ReadAhead(end, Plan(start, end));
  Gathered gathered{end - start};
  const Result<bool> there = Await(block, limit, &gathered.waited_us);
  if (!there.ok()) return there.error();
  Fetched view;
  if (!there.value()) return view;
  view.slab = block->slab();
  view.offset = start - block->start;
  view.size = end - start;
  ForgetHints(start, end);
  Served(gathered);
  return view;
}

Result<Fetched> ObjectReader::IntoSlab(uint64_t start, uint64_t end, ReadKind kind,
                                       const CallOptions& call) {
  Fetched view;
  view.slab = GetProcessMemory().pool->Allocate(end - start);
  const Result<uint64_t> got =
      ReadAt(start, {view.slab->data(), static_cast<size_t>(end - start)}, kind, call);
  if (!got.ok()) return got.error();
  view.size = got.value();
  return view;
}

Result<Fetched> ObjectReader::ViewAt(uint64_t start, uint64_t size, const CallOptions& call) {
  const uint64_t end = EndOf(start, size);
  if (end == start) return Fetched();
  const std::vector<Piece> pieces = blocks_.Cover(start, end);
  if (pieces.size() > 1 || !pieces[0].block) return IntoSlab(start, end, ReadKind::kNext, call);
  WaitLimit limit(call, client_.config().total_timeout_s);
  Result<Fetched> there = ViewOf(pieces[0].block, start, end, &limit);
  if (!there.ok() || there.value().slab) return there;
  return IntoSlab(start, end, ReadKind::kAlone, call);
}

// Where the end is not known, the first request is as large as the objects seen lately.
Result<Fetched> ObjectReader::ViewRest(uint64_t start, uint64_t enough, const CallOptions& call) {
  if (MayPrefetch()) return ViewAt(start, PredictedRest(start), call);
  Fetched view;
  for (bool ended = false; !ended && view.size < enough;) {
    const uint64_t room = PredictedRest(start + view.size);
    if (room == 0) break;
    SlabPtr larger = GetProcessMemory().pool->Allocate(view.size + room);
    if (view.size > 0) std::memcpy(larger->data(), view.slab->data(), view.size);
    view.slab = std::move(larger);
    const Result<uint64_t> got =
        ReadAt(start + view.size, {view.slab->data() + view.size, static_cast<size_t>(room)},
               ReadKind::kRest, call);
    if (!got.ok()) return got.error();
    view.size += got.value();
    ended = got.value() < room;
  }
  return view;
}

Result<Fetched> ObjectReader::ViewSome(uint64_t start, uint64_t size, const CallOptions& call) {
  const uint64_t end = EndOf(start, std::max<uint64_t>(size, 1));
  if (end == start) return Fetched();
  const BlockPtr block = blocks_.Cover(start, start + 1).front().block;
  return ViewAt(start, (block ? block->end : end) - start, call);
}

uint64_t ObjectReader::PredictedRest(uint64_t start) const {
  std::lock_guard lock(mutex_);
  const uint64_t known = info_ ? info_->size : size_.value_or(0);
  // A byte more of what grows: if it comes, there is more.
  if (known > start) return known - start + (options_.follow ? 1 : 0);
  return size_ && !options_.follow ? 0 : predictor_.Predict();
}

std::optional<ObjectInfo> ObjectReader::Pinned() const {
  std::lock_guard lock(mutex_);
  return options_.follow ? std::nullopt : info_;
}

Result<ObjectInfo> ObjectReader::Info(const CallOptions& call) {
  {
    std::lock_guard lock(mutex_);
    if (info_ && !options_.follow) return *info_;
  }
  Result<ObjectInfo> info = client_.Head(url_, options_.version_id, call);
  if (!info.ok()) return info;
  if (const Status same = Learn(info.value()); !same.ok()) return same.error();
  return info;
}

Result<uint64_t> ObjectReader::Size(const CallOptions& call) {
  {
    std::lock_guard lock(mutex_);
    if (size_ && !options_.follow) return *size_;
  }
  const Result<ObjectInfo> info = Info(call);
  if (!info.ok()) return info.error();
  return info.value().size;
}

Status ObjectReader::WillNeed(const std::vector<ByteRange>& ranges, const CallOptions& call) {
  const uint64_t part_size = client_.config().part_size;
  const Result<CoalescePlan> plan = Coalesce(ranges, {kHintGap, part_size});
  if (!plan.ok()) return plan.error();
  if (options_.follow || plan.value().reads.empty()) return Ok();
  std::vector<uint64_t> wanted(plan.value().reads.size());  // without the gaps
  for (size_t i = 0; i < ranges.size(); ++i) {
    const size_t read = plan.value().slices[i].read;
    if (read != CoalescedSlice::kNoRead) wanted[read] += *ranges[i].end - ranges[i].start;
  }
  if (!MayPrefetch()) {
    if (const Result<ObjectInfo> info = Info(call); !info.ok()) return info.error();
  }
  {
    std::lock_guard lock(mutex_);
    for (size_t i = 0; i < plan.value().reads.size(); ++i) {
      const ByteRange& read = plan.value().reads[i];
      for (uint64_t start = read.start; start < *read.end; start += part_size) {
        const uint64_t end = std::min(start + part_size, *read.end);
        hints_.push_back({start, end, std::min(wanted[i], end - start)});
      }
    }
  }
  LaunchHints();
  return Ok();
}

}  // namespace

Result<std::unique_ptr<Reader>> Client::OpenReader(S3Url url, ReaderOptions options) const {
  if (const Status valid = CheckHeaderValue("etag", options.etag); !valid.ok())
    return valid.error();
  return std::unique_ptr<Reader>(
      std::make_unique<ObjectReader>(*this, *predictor_, std::move(url), std::move(options)));
}

}  // namespace s3native
