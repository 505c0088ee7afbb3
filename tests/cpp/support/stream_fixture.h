// What tests of readers and writers share: a client whose requests are counted, fail or are kept
// back at will, over a store in memory or the server that the environment names; afterwards all
// memory must have been given back. Thread-safety: none. Ownership: removes the objects it made.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "process_memory.h"
#include "s3native/client.h"
#include "support/holding_store.h"
#include "support/memory_store.h"
#include "support/store_driver.h"

namespace s3native {

enum class Backend { kMemory, kServer };

inline const char* NameOf(Backend backend) {
  return backend == Backend::kMemory ? "Memory" : "Server";
}

class StreamTest : public testing::Test {
 protected:
  static constexpr char kBucket[] = "stream-test";
  static constexpr uint64_t kMiB = 1 << 20;

  void SetUpOn(Backend backend, uint64_t part_size) {
    if (backend == Backend::kServer && std::getenv("AWS_ENDPOINT_URL") == nullptr)
      GTEST_SKIP() << "AWS_ENDPOINT_URL is not set";
    SetLimit(512 * kMiB);
    ConfigOptions options;
    options.part_size = part_size;
    options.max_connections = 4;
    options.memory_limit = 512 * kMiB;
    options.total_timeout_s = 30;
    options.event_loops = 1;
    std::shared_ptr<ObjectStore> store = std::make_shared<MemoryStore>();
    Config config;
    if (backend == Backend::kServer) {
      const auto created = Client::Create(options);
      ASSERT_TRUE(created.ok()) << created.error().message;
      store = created.value()->shared_store();
      config = created.value()->config();
    }
    config.part_size = part_size;
    config.max_connections = 4;
    config.memory_limit = 512 * kMiB;
    config.total_timeout_s = 30;
    raw_ = std::make_unique<StoreDriver>(store, kBucket, Prefix());
    (void)raw_->CreateBucket(kBucket);  // an earlier test may have made it
    store_ = std::make_shared<HoldingStore>(store);
    client_ = std::make_shared<Client>(config, store_);
  }

  void TearDown() override {
    if (!client_) return;
    store_->LetGo();
    store_->Heal();
    client_ = nullptr;
    SetLimit(512 * kMiB);
    ExpectMemoryReleased();
    const auto page = raw_->List({kBucket, raw_->prefix(), "", "", "", 1000});
    ASSERT_TRUE(page.ok()) << page.error().message;
    for (const ObjectInfo& object : page.value().objects)
      EXPECT_TRUE(raw_->Delete(object.key.substr(raw_->prefix().size())).ok());
  }

  static void SetLimit(uint64_t limit) { GetProcessMemory().budget->set_limit(limit); }
  static uint64_t Reserved() { return GetProcessMemory().budget->reserved(); }
  static uint64_t InUse() { return GetProcessMemory().pool->stats().in_use_bytes; }

  // Requests that were cancelled let go a little later.
  static void ExpectMemoryReleased() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while ((Reserved() != 0 || InUse() != 0) && std::chrono::steady_clock::now() < deadline)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(Reserved(), 0u);
    EXPECT_EQ(InUse(), 0u);
  }

  S3Url Url(const std::string& name) const { return raw_->Url(name); }
  // Makes an object, past what counts; returns its ETag.
  std::string Add(const std::string& name, std::string_view content) {
    const auto put = raw_->Put(name, content);
    EXPECT_TRUE(put.ok()) << put.error().message;
    return put.ok() ? put.value().etag : "";
  }
  int Gets() const { return store_->count("GetObject"); }

  std::unique_ptr<StoreDriver> raw_;  // past what counts, fails and keeps back
  std::shared_ptr<HoldingStore> store_;
  std::shared_ptr<Client> client_;

 private:
  static std::string Prefix() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
    return std::to_string(getpid()) + "-" + std::to_string(now) + "/" + test->name() + "/";
  }
};

}  // namespace s3native
