#include "direct_reads.h"

#include <algorithm>

#include "steady_clock.h"

namespace s3native {

DirectReads::~DirectReads() {
  for (const OperationPtr& operation : operations_) {
    if (operation) operation->Cancel();
  }
  for (; taken_ < operations_.size(); ++taken_) Wait(taken_, [] { return false; });
}

void DirectReads::Start(GetRequest get, std::byte* destination) {
  get.destination = {destination, static_cast<size_t>(*get.range.end - get.range.start)};
  const size_t index = operations_.size();
  if (index == 0) started_us_ = NowMicroseconds();
  {
    std::lock_guard lock(state_->mutex);
    state_->results.emplace_back();
    ++state_->in_flight;
  }
  operations_.push_back(store_.Get(get, [state = state_, index](Result<GetResult> result) {
    {
      std::lock_guard lock(state->mutex);
      if (!result.ok()) state->failed = true;
      state->results[index].emplace(std::move(result));
      if (--state->in_flight != 0 && !state->failed) return;
    }
    state->arrived.notify_one();
  }));
}

Result<GetResult> DirectReads::TakeNext() {
  const uint64_t before_us = NowMicroseconds();
  const bool there = Wait(taken_, [&] { return limit_->Expired().has_value(); });
  const uint64_t now_us = NowMicroseconds();
  waited_us_ += now_us - before_us;
  elapsed_us_ = now_us - started_us_;
  if (!there) return *limit_->reason();
  operations_[taken_] = nullptr;  // nothing to cancel
  std::lock_guard lock(state_->mutex);
  Result<GetResult> result = std::move(*state_->results[taken_++]);
  if (result.ok() && result.value().began_us >= started_us_)
    late_us_ = std::min(late_us_, result.value().began_us - started_us_);
  return result;
}

template <typename GivesUp>
bool DirectReads::Wait(size_t index, GivesUp&& gives_up) {
  return WaitFor(
      operations_[index].get(), &state_->mutex, &state_->arrived,
      [&] {
        return state_->results[index].has_value() && (state_->in_flight == 0 || state_->failed);
      },
      gives_up);
}

}  // namespace s3native
