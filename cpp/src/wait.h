// Waiting on the calling thread for operations of a store.
// Thread-safety: each object belongs to the waiting thread; completions may come from any.
// Ownership: state is shared with the completions, so a wait that ends early leaves nothing
// dangling.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "s3native/client.h"

namespace s3native {

// How often a wait asks whether it is interrupted: well below the 200 ms within which Ctrl-C must
// end it.
inline constexpr std::chrono::milliseconds kInterruptPoll{50};

// Ends a wait: interrupted by the caller, or past the total timeout.
class WaitLimit {
 public:
  WaitLimit(const CallOptions& call, uint32_t total_timeout_s)
      : call_(call),
        timeout_s_(total_timeout_s),
        deadline_(std::chrono::steady_clock::now() + std::chrono::seconds(total_timeout_s)) {}
  // The reason to give up now, if any. Once given, it stays.
  const std::optional<Error>& Expired();
  const std::optional<Error>& reason() const { return reason_; }

 private:
  const CallOptions& call_;
  const uint32_t timeout_s_;
  const std::chrono::steady_clock::time_point deadline_;
  std::optional<Error> reason_;
};

// Waits until `arrived`, which is asked with `mutex` held, and meanwhile does what work of
// `operation` is this thread's to do. Asks `gives_up` in between; false when that ended the wait.
template <typename Arrived, typename GivesUp>
bool WaitFor(Operation* operation, std::mutex* mutex, std::condition_variable* changed,
             Arrived&& arrived, GivesUp&& gives_up) {
  std::unique_lock lock(*mutex);
  while (!arrived()) {
    lock.unlock();
    const bool driven = operation != nullptr && operation->Drive(kInterruptPoll.count());
    lock.lock();
    if (driven ? arrived() : changed->wait_for(lock, kInterruptPoll, arrived)) break;
    lock.unlock();
    if (gives_up()) return false;
    lock.lock();
  }
  return true;
}

// Starts one operation and waits for its completion. Cancels it when `limit` says so, and still
// waits: the memory it was given is free when this returns.
template <typename T, typename Starter>
Result<T> Await(WaitLimit* limit, Starter&& start) {
  struct State {
    std::mutex mutex;
    std::condition_variable arrived;
    std::optional<Result<T>> result;
  };
  auto state = std::make_shared<State>();
  OperationPtr operation = start([state](Result<T> result) {
    {
      std::lock_guard lock(state->mutex);
      state->result.emplace(std::move(result));
    }
    state->arrived.notify_one();  // without the lock, or who wakes would wait for it
  });
  bool cancelled = false;
  const auto cancel_if_expired = [&] {
    if (!cancelled && limit->Expired()) {
      operation->Cancel();
      cancelled = true;
    }
    return false;
  };
  WaitFor(
      operation.get(), &state->mutex, &state->arrived, [&] { return state->result.has_value(); },
      cancel_if_expired);
  if (cancelled && !state->result->ok()) return *limit->Expired();
  return std::move(*state->result);
}

// Runs `count` operations, at most `window` in flight, and returns their results in order, or the
// first error once none is in flight any more. `start(i, completion)` is called on this thread.
template <typename T, typename Starter>
Result<std::vector<T>> AwaitAll(size_t count, size_t window, WaitLimit* limit, Starter&& start) {
  struct State {
    std::mutex mutex;
    std::condition_variable arrived;
    std::vector<std::optional<T>> results;
    std::optional<Error> error;
    size_t in_flight = 0;
  };
  auto state = std::make_shared<State>();
  state->results.resize(count);
  std::vector<OperationPtr> operations(count);
  auto launch = [&](size_t i) {
    return start(i, [state, i](Result<T> result) {
      std::lock_guard lock(state->mutex);
      if (result.ok())
        state->results[i].emplace(std::move(result).value());
      else if (!state->error)
        state->error = std::move(result).error();
      --state->in_flight;
      state->arrived.notify_one();
    });
  };
  size_t next = 0;
  bool cancelled = false;
  std::unique_lock lock(state->mutex);
  while (state->in_flight > 0 || (next < count && !state->error && !cancelled)) {
    if (next < count && state->in_flight < window && !state->error && !cancelled) {
      ++state->in_flight;
      lock.unlock();
      operations[next] = launch(next);
      lock.lock();
      ++next;
      continue;
    }
    const bool gave_up = cancelled;
    const size_t before = state->in_flight;
    state->arrived.wait_for(lock, kInterruptPoll, [&] { return state->in_flight < before; });
    const bool failed = state->error.has_value();
    lock.unlock();
    if (!cancelled && (limit->Expired() || failed)) cancelled = true;
    if (cancelled && !gave_up) {
      for (const OperationPtr& operation : operations) {
        if (operation) operation->Cancel();
      }
    }
    lock.lock();
  }
  if (limit->reason()) return *limit->reason();
  if (state->error) return std::move(*state->error);
  std::vector<T> results;
  results.reserve(count);
  for (std::optional<T>& result : state->results) results.push_back(std::move(*result));
  return results;
}

}  // namespace s3native
