#include "read_blocks.h"

#include <algorithm>

namespace s3native {

std::vector<Piece> ReadBlocks::Cover(uint64_t start, uint64_t end) const {
  std::vector<Piece> pieces;
  std::lock_guard lock(arrivals_->mutex);
  auto next = blocks_.upper_bound(start);
  if (next != blocks_.begin() && std::prev(next)->second->end > start) --next;
  while (start < end) {
    if (next == blocks_.end() || next->first >= end) {
      pieces.push_back({start, end, nullptr});
      break;
    }
    const BlockPtr& block = next->second;
    if (block->start > start) pieces.push_back({start, block->start, nullptr});
    start = std::max(start, block->start);
    pieces.push_back({start, std::min(end, block->end), block});
    start = std::max(start, block->end);
    ++next;
  }
  return pieces;
}

uint64_t ReadBlocks::CoveredUntil(uint64_t start) const {
  std::lock_guard lock(arrivals_->mutex);
  auto next = blocks_.upper_bound(start);
  if (next != blocks_.begin()) --next;
  for (; next != blocks_.end() && next->first <= start; ++next)
    start = std::max(start, next->second->end);
  return start;
}

bool ReadBlocks::Launch(GetRequest get, uint64_t wanted) {
  const uint64_t size = *get.range.end - get.range.start;
  Claim claim = Claim::kSpare;  // whoever gets nothing reads without blocks
  if (wanted > 0) {
    std::lock_guard lock(arrivals_->mutex);
    claim = blocks_.empty() ? Claim::kNeeded : Claim::kShare;
  }
  auto memory = ReservedSlab::TryAllocate(memory_, size, claim);
  if (!memory) return false;
  get.destination = {memory->data(), size};
  const BlockPtr block(
      new Block{get.range.start, *get.range.end, wanted > 0, std::move(memory), wanted});
  if (!Insert(block)) return true;
  OperationPtr operation =
      store_.Get(get, [arrivals = arrivals_, block, size](const Result<GetResult>& result) {
        std::lock_guard lock(arrivals->mutex);
        const bool whole = result.ok() && result.value().received == size;
        block->state = whole ? Block::State::kReady : Block::State::kFailed;
        block->operation = nullptr;
        if (arrivals->waiting > 0) arrivals->arrived.notify_all();
      });
  std::lock_guard lock(arrivals_->mutex);
  if (block->state == Block::State::kInFlight) block->operation = std::move(operation);
  return true;
}

// False when another thread was quicker.
bool ReadBlocks::Insert(const BlockPtr& block) {
  std::lock_guard lock(arrivals_->mutex);
  const auto next = blocks_.lower_bound(block->start);
  if (next != blocks_.end() && next->second->start < block->end) return false;
  if (next != blocks_.begin() && std::prev(next)->second->end > block->start) return false;
  blocks_.emplace_hint(next, block->start, block);
  return true;
}

Result<bool> ReadBlocks::WaitFor(const BlockPtr& block, WaitLimit* limit) {
  std::unique_lock lock(arrivals_->mutex);
  ++arrivals_->waiting;
  const auto landed = [&] { return block->state != Block::State::kInFlight; };
  std::optional<Error> expired;
  while (!expired && !arrivals_->arrived.wait_for(lock, kInterruptPoll, landed)) {
    lock.unlock();
    expired = limit->Expired();
    lock.lock();
  }
  --arrivals_->waiting;
  if (expired) return *expired;
  if (block->state == Block::State::kReady) return true;
  const auto found = blocks_.find(block->start);
  if (found != blocks_.end() && found->second == block) blocks_.erase(found);
  return false;
}

void ReadBlocks::DropIf(const std::function<bool(Block&)>& unwanted) {
  std::vector<BlockPtr> dropped;
  std::vector<OperationPtr> running;
  {
    std::lock_guard lock(arrivals_->mutex);
    for (auto next = blocks_.begin(); next != blocks_.end();) {
      if (!unwanted(*next->second)) {
        ++next;
        continue;
      }
      if (next->second->operation) running.push_back(next->second->operation);
      dropped.push_back(std::move(next->second));
      next = blocks_.erase(next);
    }
  }
  for (const OperationPtr& operation : running) operation->Cancel();
}

}  // namespace s3native
