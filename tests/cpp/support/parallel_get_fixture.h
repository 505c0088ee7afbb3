// An object that tests answer ranged requests for, and parallel GETs of it.
// Thread-safety: FakeObject's requests and ParallelRead's completion come from any thread; the rest
// is the test's. Ownership: an object and its reads outlive the requests in flight.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "parallel_get.h"

namespace s3native {

inline constexpr char kEtag[] = "\"of the object\"";
inline constexpr std::byte kUntouched{0xee};

// One ranged request, not answered yet or answered.
struct FakePart : Operation {
  void Cancel() override { cancelled = true; }

  GetRequest request;
  std::function<void(const ObjectInfo&)> on_object;
  Completion<GetResult> done;
  std::atomic<bool> cancelled = false;
};
using FakePartPtr = std::shared_ptr<FakePart>;

// An object of random bytes from `origin` on, and who asked for them.
class FakeObject {
 public:
  explicit FakeObject(uint64_t size, uint64_t origin = 0) : origin_(origin), content_(size, '\0') {
    std::minstd_rand random(static_cast<unsigned>(size) + 1);
    for (char& c : content_) c = static_cast<char>(random() >> 7);
    info.key = "k";
    info.size = origin + size;
    info.etag = kEtag;
  }

  // `answer` is called within each request; without it, the test answers.
  GetPart Parts(std::function<void(const FakePartPtr&)> answer = nullptr) {
    return [this, answer = std::move(answer)](GetRequest request, auto on_object, auto done) {
      const auto part = std::make_shared<FakePart>();
      part->request = std::move(request);
      part->on_object = std::move(on_object);
      part->done = std::move(done);
      {
        std::lock_guard lock(mutex_);
        asked_.push_back(part);
        most_in_flight_ = std::max(most_in_flight_, ++in_flight_);
      }
      if (answer) answer(part);
      return part;
    };
  }

  void Announce(const FakePartPtr& part) const {
    if (part->on_object) part->on_object(info);
  }

  // Delivers the bytes but for the last `missing`.
  void Serve(const FakePartPtr& part, uint64_t missing = 0) {
    const GetRequest& request = part->request;
    if (!request.if_match.empty() && request.if_match != info.etag)
      return Fail(part, ErrorCode::kPreconditionFailed);
    if (request.range.start >= info.size) return Fail(part, ErrorCode::kRange);
    GetResult result;
    result.received = std::min(*request.range.end, info.size) - request.range.start - missing;
    result.info = info;
    if (request.range.start < origin_ || result.received > request.destination.size)
      return Fail(part, ErrorCode::kOther);
    std::transform(content_.begin() + (request.range.start - origin_),
                   content_.begin() + (request.range.start - origin_ + result.received),
                   request.destination.data, [](char c) { return static_cast<std::byte>(c); });
    End(part, std::move(result));
  }

  void Fail(const FakePartPtr& part, ErrorCode code) {
    Error error;
    error.code = code;
    error.message = "part " + part->request.range.ToString();
    End(part, std::move(error));
  }

  std::vector<FakePartPtr> asked() const {
    std::lock_guard lock(mutex_);
    return asked_;
  }
  size_t most_in_flight() const {
    std::lock_guard lock(mutex_);
    return most_in_flight_;
  }
  std::string_view Content(uint64_t start, uint64_t end) const {
    return std::string_view(content_).substr(start - origin_, end - start);
  }

  ObjectInfo info;

 private:
  void End(const FakePartPtr& part, Result<GetResult> result) {
    {
      std::lock_guard lock(mutex_);
      --in_flight_;
    }
    part->on_object = nullptr;
    std::exchange(part->done, nullptr)(std::move(result));
  }

  const uint64_t origin_;
  std::string content_;
  mutable std::mutex mutex_;  // guards what follows
  std::vector<FakePartPtr> asked_;
  size_t in_flight_ = 0;
  size_t most_in_flight_ = 0;
};

inline ParallelGetOptions InParts(uint64_t part_size, size_t concurrency) {
  ParallelGetOptions options;
  options.part_size = part_size;
  options.concurrency = concurrency;
  return options;
}

// A parallel GET, the memory it fills, and its outcome.
class ParallelRead {
 public:
  ParallelRead(const ParallelGetOptions& options, GetPart get_part, ByteRange range,
               const std::string& if_match = "", std::function<void()> on_tail = nullptr)
      : memory_(*range.end - range.start, kUntouched) {
    GetRequest get;
    get.url = {"bucket", "k"};
    get.range = range;
    get.destination = {memory_.data(), memory_.size()};
    get.if_match = if_match;
    get.version_id = "v1";
    get.on_tail = std::move(on_tail);
    operation = StartParallelGet(options, std::move(get_part), std::move(get),
                                 [this](Result<GetResult> result) {
                                   std::lock_guard lock(mutex_);
                                   ++completions_;
                                   result_ = std::move(result);
                                   completed_.notify_all();
                                 });
  }

  void Wait() {
    std::unique_lock lock(mutex_);
    if (!completed_.wait_for(lock, std::chrono::minutes(1), [&] { return completions_ != 0; })) {
      ADD_FAILURE() << "no completion within a minute";
      std::abort();  // a part may still write to memory that is about to die
    }
  }

  int completions() {
    std::lock_guard lock(mutex_);
    return completions_;
  }

  // Of a read that has completed.
  const GetResult& value() {
    static const GetResult none;
    EXPECT_EQ(completions(), 1);
    const bool ok = result_ && result_->ok();
    EXPECT_TRUE(ok) << (result_ ? result_->error().message : "not completed");
    return ok ? result_->value() : none;
  }
  Error error() {
    EXPECT_EQ(completions(), 1);
    EXPECT_TRUE(result_ && !result_->ok());
    return result_ && !result_->ok() ? result_->error() : Error();
  }
  bool ok() const { return result_ && result_->ok(); }

  std::string_view Bytes(uint64_t start, uint64_t end) const {
    return std::string_view(reinterpret_cast<const char*>(memory_.data()), memory_.size())
        .substr(start, end - start);
  }

  OperationPtr operation;

 private:
  std::vector<std::byte> memory_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable completed_;
  int completions_ = 0;
  std::optional<Result<GetResult>> result_;
};

// All of `range` that the object has, and nothing else, was asked for and is in place.
inline void ExpectRead(const FakeObject& object, ByteRange range, uint64_t part_size,
                       ParallelRead* read) {
  const uint64_t end = std::min(*range.end, object.info.size);
  const GetResult result = read->value();
  EXPECT_EQ(result.received, end - range.start);
  EXPECT_EQ(result.info.etag, object.info.etag);
  EXPECT_EQ(result.info.size, object.info.size);
  EXPECT_EQ(read->Bytes(0, end - range.start), object.Content(range.start, end));
  for (const char c : read->Bytes(end - range.start, *range.end - range.start))
    ASSERT_EQ(static_cast<std::byte>(c), kUntouched);

  std::vector<FakePartPtr> parts = object.asked();
  std::sort(parts.begin(), parts.end(), [](const FakePartPtr& a, const FakePartPtr& b) {
    return a->request.range.start < b->request.range.start;
  });
  uint64_t next = range.start;
  const std::byte* destination = parts.at(0)->request.destination.data;
  for (const FakePartPtr& part : parts) {
    const GetRequest& request = part->request;
    ASSERT_EQ(request.range.start, next);
    ASSERT_LE(*request.range.end - next, part_size);
    ASSERT_EQ(request.destination.data, destination + (next - range.start));
    ASSERT_EQ(request.destination.size, *request.range.end - next);
    next = *request.range.end;
  }
  // Only the first may have been asked for more than there is.
  EXPECT_EQ(next, parts.size() == 1 ? std::min(*range.end, range.start + part_size) : end);
}

// Runs what it is given in an order of its own.
class WorkerThreads {
 public:
  explicit WorkerThreads(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      threads_.emplace_back([this, i] {
        std::minstd_rand random(static_cast<unsigned>(i) + 1);
        std::unique_lock lock(mutex_);
        while (true) {
          wake_.wait(lock, [&] { return stop_ || !work_.empty(); });
          if (work_.empty()) return;
          std::swap(work_[random() % work_.size()], work_.back());
          const std::function<void()> task = std::move(work_.back());
          work_.pop_back();
          lock.unlock();
          if (random() % 4 == 0) std::this_thread::yield();
          task();
          lock.lock();
        }
      });
    }
  }
  ~WorkerThreads() {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  void Post(std::function<void()> task) {
    {
      std::lock_guard lock(mutex_);
      work_.push_back(std::move(task));
    }
    wake_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::function<void()>> work_;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace s3native
