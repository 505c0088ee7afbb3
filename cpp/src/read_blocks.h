// What a reader has asked for ahead of being asked for it: blocks of one object, in pool memory,
// that do not overlap.
//
// Thread-safety: all methods, any thread. Ownership: a block's memory, and what it takes of the
// budget, are given back when the last of the set, its request and its readers lets go. The store
// and the memory must outlive the set.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "process_memory.h"
#include "s3native/object_store.h"
#include "wait.h"

namespace s3native {

struct Block {
  enum class State { kInFlight, kReady, kFailed };

  const uint64_t start;
  const uint64_t end;
  const bool hinted;  // kept until as many bytes have been read as are wanted of it
  const std::unique_ptr<ReservedSlab> memory;
  // Guarded by the set's mutex.
  uint64_t wanted;
  State state = State::kInFlight;
  OperationPtr operation = nullptr;

  const SlabPtr& slab() const { return memory->slab(); }
};
using BlockPtr = std::shared_ptr<Block>;

// A part of a range: in a block, or in none.
struct Piece {
  uint64_t start = 0;
  uint64_t end = 0;
  BlockPtr block;
};

class ReadBlocks {
 public:
  ReadBlocks(ObjectStore& store, ProcessMemory& memory) : store_(store), memory_(memory) {}
  ~ReadBlocks() {
    DropIf([](const Block&) { return true; });
  }

  // `range` from its start to its end, in pieces.
  std::vector<Piece> Cover(uint64_t start, uint64_t end) const;
  // How far blocks reach without a gap from `start` on; `start` when none holds it.
  uint64_t CoveredUntil(uint64_t start) const;
  // Asks for the range of `get`, unless a block has some of it by now; false when the budget is
  // spent. `wanted`: bytes of it that will be read for certain; a set that holds nothing is granted
  // such a hint in any case.
  bool Launch(GetRequest get, uint64_t wanted = 0);
  // Until the block has arrived. False: its request failed, and it is not in the set any more.
  Result<bool> WaitFor(const BlockPtr& block, WaitLimit* limit);
  // Forgets blocks; requests still under way are cancelled.
  void DropIf(const std::function<bool(Block&)>& unwanted);

 private:
  // What completions touch; shared with them so that they never outlive it.
  struct Arrivals {
    std::mutex mutex;
    std::condition_variable arrived;
    int waiting = 0;
  };

  bool Insert(const BlockPtr& block);

  ObjectStore& store_;
  ProcessMemory& memory_;
  const std::shared_ptr<Arrivals> arrivals_ = std::make_shared<Arrivals>();
  std::map<uint64_t, BlockPtr> blocks_;  // by start; guarded by the mutex of arrivals_
};

}  // namespace s3native
