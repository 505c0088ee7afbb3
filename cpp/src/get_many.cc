#include "get_many.h"

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>

#include "fetch.h"
#include "wait.h"

namespace s3native {
namespace {

// One request on its way.
struct Entry {
  Entry(size_t index, ObjectStore& store, SlabPool& pool, SizePredictor& predictor,
        GetManyRequest request)
      : index(index),
        fetch(store, pool, predictor, std::move(request.url), {request.range, "", ""}) {
    fetch.set_destination(request.destination);
    if (request.expected_size) fetch.set_expected_size(*request.expected_size);
    borrowed = request.destination.data != nullptr;
  }
  const size_t index;
  Fetch fetch;
  bool borrowed = false;  // the caller's memory: not counted against the budget
  uint64_t reserved = 0;
  uint64_t size = 0;     // that is asked for
  uint64_t counted = 0;  // of that, in the stream's pending size: nothing any more at its tail
};

// What completions touch; shared with them so that they never outlive it.
struct Arrivals {
  std::mutex mutex;
  std::condition_variable arrived;
  std::vector<size_t> indices;
  std::vector<size_t> tails;  // of requests that do not fill the connections any more
  bool waiting = false;
};

class Stream : public GetManyStream {
 public:
  Stream(ObjectStore& store, ProcessMemory& memory, SizePredictor& predictor,
         const GetManyOptions& options, uint64_t enough)
      : store_(store), memory_(memory), predictor_(predictor), options_(options), enough_(enough) {}
  ~Stream() override;

  bool WantsMore() const override;
  void Add(GetManyRequest request) override;
  Result<std::optional<GetManyItem>> Next(const CallOptions& call) override;

 private:
  bool FillsConnections(uint64_t size) const { return size >= enough_ / 2; }
  bool Reserve(Entry* entry, uint64_t size);
  void Unreserve(Entry* entry, uint64_t size);
  bool HasRoom(const Entry& entry, uint64_t size) const;
  bool IsNextLarge(const Entry& entry) const;
  void StartQueued();
  void Launch(Entry* entry, bool first);
  void Count(Entry* entry, uint64_t size);
  void LetOthersBegin(Entry* entry);
  void Collect();
  void Settle(size_t index);
  std::optional<GetManyItem> TakeReady();
  void ReleaseTaken();
  Status WaitForArrival(WaitLimit* limit);

  ObjectStore& store_;
  ProcessMemory& memory_;
  SizePredictor& predictor_;
  const GetManyOptions options_;
  const uint64_t enough_;
  const std::shared_ptr<Arrivals> arrivals_ = std::make_shared<Arrivals>();
  size_t added_ = 0;
  size_t next_out_ = 0;  // ordered: index of the next item to hand out
  size_t in_flight_ = 0;
  uint64_t reserved_ = 0;
  uint64_t pending_size_ = 0;  // of what is in flight or ready, but for the tails of large requests
  size_t alone_ = 0;           // entries that fill all connections
  size_t large_ = 0;           // those, and those that are at their tails
  std::map<size_t, std::unique_ptr<Entry>> entries_;  // in flight or queued, by index
  std::map<size_t, Entry*>
      queued_;  // waiting for the budget, the first or the next request of each
  std::map<size_t, GetManyItem> ready_;  // ordered
  std::deque<GetManyItem> ready_unordered_;
  struct Held {
    uint64_t reserved = 0;
    uint64_t size = 0;
  };
  std::map<size_t, Held> held_;  // by ready items
  // Of the item handed out last: who reads a stream item by item drops it for the next one.
  uint64_t taken_ = 0;
};

Stream::~Stream() {
  for (auto& [index, entry] : entries_) entry->fetch.Cancel();
  std::unique_lock lock(arrivals_->mutex);
  arrivals_->waiting = true;
  arrivals_->arrived.wait(lock, [&] { return arrivals_->indices.size() >= in_flight_; });
  lock.unlock();
  if (reserved_ != 0) memory_.budget->Release(reserved_);
}

bool Stream::WantsMore() const {
  // Twice the concurrency may be waiting to be handed out, so that one slow object does not idle
  // the connections.
  const size_t pending = entries_.size() + ready_.size() + ready_unordered_.size();
  return queued_.empty() && in_flight_ < options_.concurrency && pending < 2 * options_.concurrency;
}

void Stream::Add(GetManyRequest request) {
  const size_t index = added_++;
  auto entry =
      std::make_unique<Entry>(index, store_, *memory_.pool, predictor_, std::move(request));
  queued_.emplace(index, entry.get());
  entries_.emplace(index, std::move(entry));
  StartQueued();
}

bool Stream::Reserve(Entry* entry, uint64_t size) {
  if (entry->borrowed) return true;
  // Always granted: the first of this stream, the one the caller waits for next, and one when
  // nothing else moves.
  const bool stuck = in_flight_ == 0 && ready_.empty() && ready_unordered_.empty();
  const bool must = reserved_ == 0 || stuck || (options_.ordered && entry->index == next_out_);
  if (!memory_.budget->TryReserve(size, must ? Claim::kNeeded : Claim::kShare)) return false;
  entry->reserved += size;
  reserved_ += size;
  return true;
}

// More than keeps all connections busy only takes memory, and out of the caches. So a request that
// does so by itself begins when the one before has all but arrived, and those before that have.
bool Stream::HasRoom(const Entry& entry, uint64_t size) const {
  const bool stuck = in_flight_ == 0 && ready_.empty() && ready_unordered_.empty();
  if (stuck || (options_.ordered && entry.index == next_out_)) return true;
  if (alone_ > 0) return false;
  const uint64_t others = pending_size_ - entry.counted;
  if (!FillsConnections(size)) return others < enough_;
  return large_ < 2 && others < enough_ / 2 && (!options_.ordered || IsNextLarge(entry));
}

// Whether all before it are large and on their way: else it would wait for those, with its memory.
bool Stream::IsNextLarge(const Entry& entry) const {
  for (const auto& [index, other] : entries_) {
    if (other.get() == &entry) break;
    if (!FillsConnections(other->size)) return false;
  }
  return true;
}

void Stream::StartQueued() {
  while (!queued_.empty()) {
    Entry* entry = queued_.begin()->second;
    const bool first = !entry->fetch.NeedsMore();
    const size_t size =
        SlabPool::SizeClass(first ? entry->fetch.FirstSize() : entry->fetch.MoreSize());
    if (!HasRoom(*entry, size)) return;
    const uint64_t before = entry->reserved;
    if (!Reserve(entry, size)) return;
    queued_.erase(queued_.begin());
    Launch(entry, first);
    if (before != 0) Unreserve(entry, before);  // the first slab has been copied into the next
  }
}

void Stream::Unreserve(Entry* entry, uint64_t size) {
  entry->reserved -= size;
  reserved_ -= size;
  memory_.budget->Release(size);
}

void Stream::Launch(Entry* entry, bool first) {
  ++in_flight_;
  entry->size = first ? entry->fetch.FirstSize() : entry->fetch.MoreSize();
  Count(entry, entry->size);
  const bool alone = FillsConnections(entry->size);
  if (alone) ++alone_, ++large_;
  const auto note = [arrivals = arrivals_, index = entry->index](auto list) {
    std::lock_guard lock(arrivals->mutex);
    (arrivals.get()->*list).push_back(index);
    if (arrivals->waiting) arrivals->arrived.notify_one();
  };
  if (alone) entry->fetch.set_on_tail([note] { note(&Arrivals::tails); });
  auto arrived = [note] { note(&Arrivals::indices); };
  if (first) {
    entry->fetch.Start(std::move(arrived));
  } else {
    entry->fetch.Continue(std::move(arrived));
  }
}

void Stream::Count(Entry* entry, uint64_t size) {
  pending_size_ += size - entry->counted;
  entry->counted = size;
}

void Stream::LetOthersBegin(Entry* entry) {
  if (!FillsConnections(entry->counted)) return;
  --alone_;
  Count(entry, 0);
}

void Stream::Collect() {
  std::vector<size_t> indices, tails;
  {
    std::lock_guard lock(arrivals_->mutex);
    indices.swap(arrivals_->indices);
    tails.swap(arrivals_->tails);
  }
  for (const size_t index : tails) {
    if (const auto found = entries_.find(index); found != entries_.end())
      LetOthersBegin(found->second.get());
  }
  for (const size_t index : indices) Settle(index);
  StartQueued();
}

void Stream::Settle(size_t index) {
  --in_flight_;
  Entry* entry = entries_.at(index).get();
  LetOthersBegin(entry);
  if (FillsConnections(entry->size)) --large_;
  if (entry->fetch.NeedsMore()) {
    queued_.emplace(index, entry);
    return;
  }
  GetManyItem item;
  item.index = index;
  Result<Fetched> fetched = entry->fetch.Take();
  if (fetched.ok()) {
    item.fetched = std::move(fetched).value();
  } else {
    item.error = std::move(fetched).error();
  }
  Count(entry, entry->size);  // until somebody takes it
  held_[index] = {entry->reserved, entry->size};
  entries_.erase(index);
  if (options_.ordered) {
    ready_.emplace(index, std::move(item));
  } else {
    ready_unordered_.push_back(std::move(item));
  }
}

std::optional<GetManyItem> Stream::TakeReady() {
  std::optional<GetManyItem> item;
  if (!ready_unordered_.empty()) {
    item = std::move(ready_unordered_.front());
    ready_unordered_.pop_front();
  } else if (auto found = ready_.find(next_out_); found != ready_.end()) {
    item = std::move(found->second);
    ready_.erase(found);
    ++next_out_;
  } else {
    return std::nullopt;
  }
  ReleaseTaken();
  auto held = held_.find(item->index);
  taken_ = held->second.reserved;
  pending_size_ -= held->second.size;
  held_.erase(held);
  return item;
}

void Stream::ReleaseTaken() {
  if (taken_ != 0) memory_.budget->Release(taken_);
  reserved_ -= taken_;
  taken_ = 0;
}

Status Stream::WaitForArrival(WaitLimit* limit) {
  std::unique_lock lock(arrivals_->mutex);
  arrivals_->waiting = true;
  while (arrivals_->indices.empty() && arrivals_->tails.empty()) {
    if (arrivals_->arrived.wait_for(lock, kInterruptPoll) == std::cv_status::no_timeout) continue;
    lock.unlock();
    if (limit->Expired()) return *limit->Expired();
    lock.lock();
  }
  arrivals_->waiting = false;
  return Ok();
}

Result<std::optional<GetManyItem>> Stream::Next(const CallOptions& call) {
  WaitLimit limit(call, 0);
  while (true) {
    Collect();
    if (std::optional<GetManyItem> item = TakeReady()) {
      // Else it waits until whoever gets this item has dropped it, and takes its memory.
      if (in_flight_ == 0) StartQueued();
      return item;
    }
    if (in_flight_ == 0 && queued_.empty()) {
      ReleaseTaken();
      return std::optional<GetManyItem>();
    }
    if (in_flight_ == 0) {  // another stream holds the memory
      memory_.budget->WaitForRelease(static_cast<int>(kInterruptPoll.count()));
      if (limit.Expired()) return *limit.Expired();
      continue;
    }
    const Status waited = WaitForArrival(&limit);
    if (!waited.ok()) return waited.error();
  }
}

}  // namespace

std::unique_ptr<GetManyStream> MakeGetManyStream(ObjectStore& store, ProcessMemory& memory,
                                                 SizePredictor& predictor,
                                                 const GetManyOptions& options, uint64_t enough) {
  return std::make_unique<Stream>(store, memory, predictor, options, enough);
}

}  // namespace s3native
