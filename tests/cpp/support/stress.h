// What the threads of a stress test share: the objects they know, the clients they use, and a
// thread that does things to them from elsewhere. Thread-safety: Courier and StressWorld, any
// thread; a StressWorker belongs to its own. Ownership: each owns what it is given; the world must
// outlive its workers.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "s3native/client.h"

namespace s3native {

inline constexpr uint64_t kStressPartSize = 5 << 20;

// Runs what it is given, in order, on a thread of its own; all of it before it dies.
class Courier {
 public:
  Courier() : thread_([this] { Run(); }) {}
  ~Courier();
  void Post(std::function<void()> errand);

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> errands_;
  bool closing_ = false;
  std::thread thread_;  // last: it uses the others
};

struct StressObject {
  S3Url url;
  size_t size = 0;
  // All threads write, copy and delete it: it may be missing, and has one of several contents.
  bool shared = false;
};

// Below a prefix of its own: objects that stay as they are, and some that everybody changes.
class StressWorld {
 public:
  explicit StressWorld(const std::string& bucket);
  ~StressWorld();

  static std::shared_ptr<Client> MakeClient(std::mt19937* random);
  // The content of `object` in its version `version` of kVersions; others have one only.
  static std::string_view ContentOf(const StressObject& object, size_t version = 0);
  static constexpr size_t kVersions = 4;
  // Whether `bytes` are those from `start` on, of any one version.
  static bool Matches(const StressObject& object, size_t start, ConstBytes bytes);

  S3Url Url(const std::string& name) const { return {bucket_, prefix_ + name}; }
  const std::vector<StressObject>& fixed() const { return fixed_; }
  const std::vector<StressObject>& shared() const { return shared_; }
  const StressObject& large() const { return fixed_.back(); }

  // One of a few that all threads use, until it is replaced under them.
  std::shared_ptr<Client> AnyClient(std::mt19937* random);
  void ReplaceClient(std::mt19937* random);
  Courier& drops() { return drops_; }
  Courier& cancels() { return cancels_; }

  // How many operations ended in kCancelled.
  std::atomic<int>& cancelled() { return cancelled_; }

  // Waits for uploads of `url` that are being aborted behind an interrupted call.
  void ExpectNoUploads(const S3Url& url);

 private:
  const std::string bucket_;
  const std::string prefix_;
  std::vector<StressObject> fixed_;  // the largest last
  std::vector<StressObject> shared_;
  std::mutex mutex_;  // guards clients_
  std::array<std::shared_ptr<Client>, 3> clients_;
  std::atomic<int> cancelled_{0};
  Courier drops_;
  Courier cancels_;
};

// One thread's part: random choices, and memory that must stay as it is.
class StressWorker {
 public:
  StressWorker(StressWorld* world, unsigned index)
      : world_(*world), index_(index), random_(index) {}
  virtual ~StressWorker() { CheckReleased(0); }
  void Run(int steps);

 protected:
  virtual void Step() = 0;

  size_t Below(size_t end) { return random_() % end; }
  bool OneIn(size_t count) { return Below(count) == 0; }
  const StressObject& AnyObject();
  const StressObject& AnyShared() { return world_.shared()[Below(world_.shared().size())]; }
  // Another shared one: no object is copied onto itself.
  const StressObject& OtherThan(const StressObject& shared);
  ByteRange RangeOf(const StressObject& object);
  S3Url OwnUrl(const std::string& name) const;
  // An operation may have been cancelled, and others may have changed a shared object.
  void ExpectLegitimate(const Error& error, bool shared);
  // An operation has let go of this memory: nobody else may write to it.
  void WatchReleased(std::vector<std::byte> memory);

  StressWorld& world_;
  const unsigned index_;
  std::mt19937 random_;

 private:
  void CheckReleased(size_t keep);

  std::deque<std::vector<std::byte>> released_;
};

}  // namespace s3native
