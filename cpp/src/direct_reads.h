// Requests of one read, straight into the caller's memory.
//
// Thread-safety: none, one thread. Ownership: the memory is the caller's; all requests have let go
// of it when this dies. The store and the limit must outlive it.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "s3native/object_store.h"
#include "wait.h"

namespace s3native {

class DirectReads {
 public:
  DirectReads(ObjectStore& store, WaitLimit* limit) : store_(store), limit_(limit) {}
  ~DirectReads();

  void Start(GetRequest get, std::byte* destination);
  // Their outcomes, in the order they were started. The first call waits for all, or for a failure:
  // waking up for each would cost more than it brings.
  Result<GetResult> TakeNext();

  size_t size() const { return operations_.size(); }
  // From the first Start to the end of the last TakeNext.
  uint64_t elapsed_us() const { return elapsed_us_; }
  // Time spent in TakeNext.
  uint64_t waited_us() const { return waited_us_; }
  // As much of that as passed, from the first Start on, before any of them began to be answered.
  uint64_t late_us() const { return std::min(late_us_, waited_us_); }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable arrived;
    std::vector<std::optional<Result<GetResult>>> results;
    size_t in_flight = 0;
    bool failed = false;  // one of them
  };

  template <typename GivesUp>
  bool Wait(size_t index, GivesUp&& gives_up);

  ObjectStore& store_;
  WaitLimit* const limit_;
  const std::shared_ptr<State> state_ = std::make_shared<State>();
  std::vector<OperationPtr> operations_;
  size_t taken_ = 0;
  uint64_t started_us_ = 0;
  uint64_t waited_us_ = 0;
  uint64_t elapsed_us_ = 0;
  uint64_t late_us_ = UINT64_MAX;
};

}  // namespace s3native
