#include "support/stress.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "support/store_conformance.h"
#include "support/store_driver.h"

namespace s3native {
namespace {

constexpr size_t kSharedSize = 60'000;
constexpr size_t kVersionShift = 100;
constexpr std::byte kReleasedFill{0xa5};

// All contents are pieces of it.
const std::string& Pattern() {
  static const std::string* pattern = new std::string(PatternBytes(12 << 20));
  return *pattern;
}

std::string RandomPrefix() {
  std::random_device device;
  return "stress-" + std::to_string(uint64_t{device()} << 32 | device()) + "/";
}

}  // namespace

// ---- Courier ----

Courier::~Courier() {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Courier::Post(std::function<void()> errand) {
  {
    std::lock_guard lock(mutex_);
    errands_.push_back(std::move(errand));
  }
  changed_.notify_one();
}

void Courier::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return closing_ || !errands_.empty(); });
    if (errands_.empty()) return;
    std::function<void()> errand = std::move(errands_.front());
    errands_.pop_front();
    lock.unlock();
    errand();
    errand = nullptr;  // what it holds dies here, without the lock
    lock.lock();
  }
}

// ---- StressWorld ----

StressWorld::StressWorld(const std::string& bucket) : bucket_(bucket), prefix_(RandomPrefix()) {
  std::mt19937 random;
  for (auto& client : clients_) client = MakeClient(&random);
  const Status created = clients_[0]->CreateBucket(bucket, {});
  // Tests in other processes may have made it.
  EXPECT_TRUE(created.ok() || clients_[0]->List({bucket, "none", "", "", "", 1}, {}).ok());
  for (const size_t size : {0, 1, 5'000, 300'000, 1 << 20, 11 << 20}) {
    fixed_.push_back({Url("fixed/" + std::to_string(size)), size, false});
    const auto put = clients_[0]->Put(fixed_.back().url, BytesOf(ContentOf(fixed_.back())), {}, {});
    EXPECT_TRUE(put.ok()) << put.error().message;
  }
  for (int i = 0; i < 4; ++i)
    shared_.push_back({Url("shared/" + std::to_string(i)), kSharedSize, true});
}

StressWorld::~StressWorld() {
  std::vector<S3Url> urls;
  const auto page = clients_[0]->List({bucket_, prefix_, "", "", "", 1000}, {});
  EXPECT_TRUE(page.ok());
  if (!page.ok()) return;
  for (const ObjectInfo& object : page.value().objects) urls.push_back({bucket_, object.key});
  EXPECT_TRUE(clients_[0]->DeleteMany(urls, {}).ok());
}

std::shared_ptr<Client> StressWorld::MakeClient(std::mt19937* random) {
  ConfigOptions options;
  options.event_loops = 1 + (*random)() % 2;
  options.max_connections = 2 + (*random)() % 4;
  options.part_size = kStressPartSize;
  options.memory_limit = 64 << 20;  // so little that streams wait for each other
  Result<std::shared_ptr<Client>> client = Client::Create(options);
  EXPECT_TRUE(client.ok()) << client.error().message;
  return std::move(client).value();
}

std::string_view StressWorld::ContentOf(const StressObject& object, size_t version) {
  return std::string_view(Pattern()).substr(version * kVersionShift, object.size);
}

bool StressWorld::Matches(const StressObject& object, size_t start, ConstBytes bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data), bytes.size);
  for (size_t version = 0; version < (object.shared ? kVersions : 1); ++version) {
    if (ContentOf(object, version).substr(start, bytes.size) == text) return true;
  }
  return false;
}

std::shared_ptr<Client> StressWorld::AnyClient(std::mt19937* random) {
  std::lock_guard lock(mutex_);
  return clients_[(*random)() % clients_.size()];
}

void StressWorld::ReplaceClient(std::mt19937* random) {
  std::shared_ptr<Client> client = MakeClient(random);
  std::lock_guard lock(mutex_);
  clients_[(*random)() % clients_.size()].swap(client);
}

void StressWorld::ExpectNoUploads(const S3Url& url) {
  size_t pending = 1;
  for (int attempt = 0; attempt < 100 && pending != 0; ++attempt) {
    if (attempt != 0) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const auto page = WaitFor<UploadsPage>([&](auto done) {
      return clients_[0]->store().ListUploads({url.bucket, url.key, "", ""}, std::move(done));
    });
    ASSERT_TRUE(page.ok()) << page.error().message;
    pending = page.value().uploads.size();
  }
  EXPECT_EQ(pending, 0u) << url.ToString();
}

// ---- StressWorker ----

void StressWorker::Run(int steps) {
  for (int i = 0; i < steps && !testing::Test::HasFatalFailure(); ++i) {
    Step();
    CheckReleased(3);
  }
}

const StressObject& StressWorker::AnyObject() {
  if (OneIn(3)) return AnyShared();
  // The large one rarely: its bytes would take all the time.
  if (OneIn(12)) return world_.large();
  return world_.fixed()[Below(world_.fixed().size() - 1)];
}

const StressObject& StressWorker::OtherThan(const StressObject& shared) {
  while (true) {
    const StressObject& other = AnyShared();
    if (&other != &shared) return other;
  }
}

ByteRange StressWorker::RangeOf(const StressObject& object) {
  const size_t start = Below(object.size);
  return {start, start + 1 + Below(object.size - start)};
}

S3Url StressWorker::OwnUrl(const std::string& name) const {
  return world_.Url("own/" + std::to_string(index_) + "/" + name);
}

void StressWorker::ExpectLegitimate(const Error& error, bool shared) {
  if (error.code == ErrorCode::kCancelled) {
    ++world_.cancelled();
    return;
  }
  const bool changed =
      error.code == ErrorCode::kNotFound || error.code == ErrorCode::kPreconditionFailed;
  EXPECT_TRUE(shared && changed) << ErrorCodeName(error.code) << ": " << error.message;
}

void StressWorker::WatchReleased(std::vector<std::byte> memory) {
  std::fill(memory.begin(), memory.end(), kReleasedFill);
  released_.push_back(std::move(memory));
}

void StressWorker::CheckReleased(size_t keep) {
  while (released_.size() > keep) {
    const auto& memory = released_.front();
    EXPECT_EQ(std::count(memory.begin(), memory.end(), kReleasedFill),
              static_cast<ptrdiff_t>(memory.size()))
        << "written to after the completion";
    released_.pop_front();
  }
}

}  // namespace s3native
