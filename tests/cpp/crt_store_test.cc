// The store over the AWS CRT, against the S3 server that the environment names (S3_ENDPOINT and
// credentials); skipped without one. `make units` and `make sanitize` start one.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "crt/factory.h"
#include "s3native/client.h"
#include "support/store_conformance.h"
#include "support/store_driver.h"

namespace s3native {
namespace {

constexpr char kBucket[] = "crt-store-test";

bool HasServer() { return std::getenv("AWS_ENDPOINT_URL") != nullptr; }

std::shared_ptr<Client> MakeClient() {
  ConfigOptions options;
  options.event_loops = 2;
  options.max_connections = 4;
  Result<std::shared_ptr<Client>> client = Client::Create(options);
  EXPECT_TRUE(client.ok()) << client.error().message;
  return client.ok() ? client.value() : nullptr;
}

std::shared_ptr<ObjectStore> MakeStore() {
  if (!HasServer()) return nullptr;
  Result<Config> config = ResolveConfig({}, SystemConfigInputs());
  EXPECT_TRUE(config.ok()) << config.error().message;
  return crt::MakeService(config.value()).value().store;
}

[[maybe_unused]] const bool kRegistered =
    RegisterStoreConformance({"CrtStore", MakeStore, kBucket});

class CrtClient : public testing::Test {
 protected:
  void SetUp() override {
    if (!HasServer()) GTEST_SKIP() << "AWS_ENDPOINT_URL is not set";
    client_ = MakeClient();
    (void)client_->CreateBucket(kBucket, {});  // may exist
  }
  S3Url Url(const std::string& name) const {
    return {kBucket, std::to_string(::getpid()) + "/" + name};
  }
  void PutText(const S3Url& url, const std::string& text) {
    const auto put =
        client_->Put(url, {reinterpret_cast<const std::byte*>(text.data()), text.size()}, {}, {});
    ASSERT_TRUE(put.ok()) << put.error().message;
  }
  std::shared_ptr<Client> client_;
};

TEST_F(CrtClient, CancelledOperationsLetGoOfTheirMemory) {
  const std::string content = PatternBytes(12 << 20);
  const S3Url url = Url("large");
  PutText(url, content);
  for (int round = 0; round < 40; ++round) {
    std::vector<std::byte> destination(round % 2 == 0 ? content.size() : 100'000);
    std::atomic<int> asked{0};
    const CallOptions call{[&] { return ++asked > round % 3; }};
    GetRequest request;
    request.url = url;
    request.range = {0, destination.size()};
    request.destination = {destination.data(), destination.size()};
    std::atomic<bool> finished{false};
    OperationPtr operation =
        client_->store().Get(request, [&](Result<GetResult>) { finished = true; });
    std::this_thread::sleep_for(std::chrono::microseconds(round * 100));
    operation->Cancel();
    while (!finished) std::this_thread::yield();
    // The destination dies here: a later write would be caught by the address sanitizer.
  }
  EXPECT_TRUE(client_->Delete(url, "", {}).ok());
}

TEST_F(CrtClient, InterruptedPutsLeaveNoUploadBehind) {
  const std::string content = PatternBytes(24 << 20);
  const S3Url url = Url("interrupted");
  int polls = 0;
  const CallOptions call{[&] { return ++polls > 0; }};
  for (int round = 0; round < 5; ++round) {
    UploadOptions options;
    options.part_size = 5 << 20;
    const auto put = client_->Put(
        url, {reinterpret_cast<const std::byte*>(content.data()), content.size()}, options, call);
    if (!put.ok()) {
      EXPECT_EQ(put.error().code, ErrorCode::kCancelled) << put.error().message;
    }
  }
  const auto aborted = client_->AbortStaleUploads(url, INT64_MAX, {});
  ASSERT_TRUE(aborted.ok()) << aborted.error().message;
  EXPECT_EQ(aborted.value(), 0u);
  EXPECT_TRUE(client_->Delete(url, "", {}).ok());
}

// One of every kind of work, at random.
void Work(Client& client, const std::vector<S3Url>& urls, const std::string& content,
          unsigned seed) {
  std::mt19937 random(seed);
  for (int i = 0; i < 30; ++i) {
    const S3Url& url = urls[random() % urls.size()];
    switch (random() % 5) {
      case 0: {
        const auto got = client.Get(url, {}, {});
        ASSERT_TRUE(got.ok()) << got.error().message;
        ASSERT_EQ(got.value().size, content.size());
        break;
      }
      case 1: {
        const auto part = client.Get(url, {ByteRange{100, 5000}, "", ""}, {});
        ASSERT_TRUE(part.ok()) << part.error().message;
        ASSERT_EQ(std::string(reinterpret_cast<const char*>(part.value().slab->data()), 4900),
                  content.substr(100, 4900));
        break;
      }
      case 2: {
        bool stop = false;
        (void)client.Get(url, {}, {[&] { return stop = !stop; }});
        break;
      }
      case 3: {
        auto stream = client.GetMany({random() % 2 == 0, 4});
        for (size_t next = 0; next < urls.size() && stream->WantsMore(); ++next)
          stream->Add({urls[next], std::nullopt, {}});
        const auto first = stream->Next({});
        ASSERT_TRUE(first.ok());
        break;  // the rest is cancelled
      }
      default: {
        const auto page = client.List({url.bucket, url.key, "", "", "", 10}, {});
        ASSERT_TRUE(page.ok()) << page.error().message;
      }
    }
  }
}

TEST_F(CrtClient, MixedOperationsFromManyThreads) {
  const std::string content = PatternBytes(300'000);
  std::vector<S3Url> urls;
  for (int i = 0; i < 8; ++i) {
    urls.push_back(Url("mixed-" + std::to_string(i)));
    PutText(urls.back(), content);
  }
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 8; ++t)
    threads.emplace_back([&, t] { Work(*client_, urls, content, t); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(client_->DeleteMany(urls, {}).ok());
}

}  // namespace
}  // namespace s3native
