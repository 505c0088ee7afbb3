#include "support/store_conformance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <utility>

namespace s3native {
namespace {

std::string RandomName() {
  static std::random_device device;
  const uint64_t number = uint64_t{device()} << 32 | device();
  return "conformance-" + std::to_string(number);
}

// Keys that a test left below its prefix; versions and uploads stay, buckets of tests are thrown
// away.
void RemoveLeftovers(StoreDriver& s3) {
  ListRequest request;
  request.bucket = s3.bucket();
  request.prefix = s3.prefix();
  const Result<ListPage> page = s3.List(request);
  if (!page.ok() || page.value().objects.empty()) return;
  std::vector<std::string> keys;
  for (const ObjectInfo& object : page.value().objects) keys.push_back(object.key);
  EXPECT_TRUE(s3.DeleteMany(keys).ok());
}

class StoreConformance : public testing::Test {
 public:
  StoreConformance(StoreUnderTest store, ConformanceTest test)
      : store_(std::move(store)), test_(test) {}

  void TestBody() override {
    const auto& skipped = store_.skipped;
    if (std::find(skipped.begin(), skipped.end(), test_.name) != skipped.end()) {
      GTEST_SKIP() << store_.name << " is known not to do this";
    }
    const std::shared_ptr<ObjectStore> store = store_.make();
    if (store == nullptr) GTEST_SKIP() << store_.name << " cannot run here";
    StoreDriver s3(store, store_.bucket, RandomName() + "/");
    // Tests in other processes share the bucket, and may create it between the two requests.
    const auto bucket_exists = [&] { return s3.List({store_.bucket, "none", "", "", "", 1}).ok(); };
    if (!bucket_exists()) {
      const Status created = s3.CreateBucket(store_.bucket);
      ASSERT_TRUE(created.ok() || bucket_exists()) << created.error().message;
    }
    test_.run(s3);
    RemoveLeftovers(s3);
  }

 private:
  const StoreUnderTest store_;
  const ConformanceTest test_;
};

}  // namespace

bool RegisterStoreConformance(const StoreUnderTest& store) {
  const std::string suite = "StoreConformance/" + store.name;
  for (const auto& part : {ReadConformanceTests(), WriteConformanceTests(),
                           UploadConformanceTests(), ListingConformanceTests()}) {
    for (const ConformanceTest& test : part) {
      testing::RegisterTest(
          suite.c_str(), test.name, nullptr, nullptr, __FILE__, __LINE__,
          [store, test]() -> StoreConformance* { return new StoreConformance(store, test); });
    }
  }
  return true;
}

std::string PatternBytes(size_t size) {
  std::string bytes(size, '\0');
  uint64_t state = 88172645463325252ull;  // xorshift: no period that a part size could meet
  for (char& c : bytes) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    c = static_cast<char>(state);
  }
  return bytes;
}

}  // namespace s3native
