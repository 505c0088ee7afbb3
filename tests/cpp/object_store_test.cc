// The conformance suite on the stores that tests use.
#include "s3native/object_store.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "support/failing_store.h"
#include "support/memory_store.h"
#include "support/store_conformance.h"
#include "support/store_driver.h"

namespace s3native {
namespace {

std::shared_ptr<ObjectStore> MakeMemoryStore() { return std::make_shared<MemoryStore>(); }

std::shared_ptr<ObjectStore> MakeVersionedStore() {
  MemoryStoreOptions options;
  options.versioned = true;
  return std::make_shared<MemoryStore>(options);
}

std::shared_ptr<ObjectStore> MakeFailingStore() {
  return std::make_shared<FailingStore>(MakeMemoryStore());
}

[[maybe_unused]] const bool kRegistered =
    RegisterStoreConformance({"MemoryStore", MakeMemoryStore, "memory-bucket"}) &&
    RegisterStoreConformance({"VersionedMemoryStore", MakeVersionedStore, "memory-bucket"}) &&
    RegisterStoreConformance({"FailingStoreThatDoesNotFail", MakeFailingStore, "memory-bucket"});

TEST(MemoryStore, ShortcutsAddAndShowObjects) {
  MemoryStore store;
  const S3Url url = {"bucket", "k"};
  EXPECT_FALSE(store.Content(url));
  const std::string etag = store.Add(url, "content");
  EXPECT_EQ(store.Content(url), "content");
  EXPECT_EQ(etag, store.Add({"bucket", "same"}, "content"));
  EXPECT_NE(etag, store.Add(url, "other"));
}

TEST(MemoryStore, MayTakeSmallPartsAndShortPages) {
  MemoryStoreOptions options;
  options.min_part_size = 1;
  options.max_page_size = 1;
  StoreDriver s3(std::make_shared<MemoryStore>(options), "bucket", "");
  ASSERT_TRUE(s3.CreateBucket("bucket").ok());
  const std::string id = s3.CreateUpload("k").value();
  const CompletedPart a = s3.UploadPart("k", id, 1, "a").value(),
                      b = s3.UploadPart("k", id, 2, "b").value();
  ASSERT_TRUE(s3.CompleteUpload({s3.Url("k"), id, {a, b}, "", 2, {}}).ok());
  EXPECT_EQ(s3.Read("k", {0, 9}).value(), "ab");
  ASSERT_TRUE(s3.Put("l", "x").ok());
  EXPECT_NE(s3.List({"bucket", "", "", "", "", 1000}).value().next_token, "");
}

TEST(MemoryStore, PagesPendingUploads) {
  MemoryStoreOptions options;
  options.max_page_size = 2;
  const auto store = std::make_shared<MemoryStore>(options);
  StoreDriver s3(store, "bucket", "");
  ASSERT_TRUE(s3.CreateBucket("bucket").ok());
  for (const char* key : {"b", "a", "a", "a", "c"}) ASSERT_TRUE(s3.CreateUpload(key).ok());
  EXPECT_EQ(store->pending_uploads(), 5u);
  std::string keys;
  ListUploadsRequest request = {"bucket", "", "", ""};
  do {
    const UploadsPage page = WaitFor<UploadsPage>([&](auto done) {
                               return store->ListUploads(request, std::move(done));
                             }).value();
    for (const PendingUpload& upload : page.uploads) keys += upload.key;
    request.key_marker = page.next_key_marker;
    request.upload_id_marker = page.next_upload_id_marker;
  } while (!request.key_marker.empty());
  EXPECT_EQ(keys, "aaabc");
}

TEST(MemoryStore, CompletionsMayCallBack) {
  MemoryStore store;
  store.Add({"bucket", "k"}, "content");
  bool nested = false;
  store.Head({{"bucket", "k"}, ""}, [&](Result<ObjectInfo>) {
    store.Head({{"bucket", "k"}, ""}, [&](Result<ObjectInfo> info) { nested = info.ok(); });
  });
  EXPECT_TRUE(nested);
}

class FailingStoreTest : public testing::Test {
 protected:
  FailingStoreTest() { EXPECT_TRUE(s3_.CreateBucket("bucket").ok()); }

  const std::shared_ptr<MemoryStore> memory_ = std::make_shared<MemoryStore>();
  const std::shared_ptr<FailingStore> failing_ = std::make_shared<FailingStore>(memory_);
  StoreDriver s3_{failing_, "bucket", ""};
};

TEST_F(FailingStoreTest, FailsTheRequestOfTheNumberGivenOnly) {
  failing_->FailAt(3, UnavailableError());  // the first created the bucket
  EXPECT_TRUE(s3_.Put("a", "1").ok());
  const Result<PutResult> failed = s3_.Put("b", "2");
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(failed.error().operation, "PutObject");
  EXPECT_EQ(failed.error().key, "b");
  EXPECT_TRUE(failed.error().retryable);
  EXPECT_FALSE(memory_->Content({"bucket", "b"}));
  EXPECT_TRUE(s3_.Put("b", "2").ok());
}

TEST_F(FailingStoreTest, FailsWhatAPredicateChooses) {
  failing_->FailIf(
      [](const StoreCall& call) { return call.operation == "UploadPart" && call.part_number == 2; },
      UnavailableError(), 2);
  const std::string id = s3_.CreateUpload("k").value();
  EXPECT_TRUE(s3_.UploadPart("k", id, 1, "x").ok());
  EXPECT_FALSE(s3_.UploadPart("k", id, 2, "x").ok());
  EXPECT_FALSE(s3_.UploadPart("k", id, 2, "x").ok());
  EXPECT_TRUE(s3_.UploadPart("k", id, 2, "x").ok());
  EXPECT_EQ(failing_->count("UploadPart"), 4);
}

TEST_F(FailingStoreTest, MayLoseTheResponseOfWhatSucceeded) {
  failing_->FailAt(2, UnavailableError(), FailingStore::When::kAfter);
  EXPECT_FALSE(s3_.Put("k", "stored").ok());
  EXPECT_EQ(memory_->Content({"bucket", "k"}), "stored");
}

TEST_F(FailingStoreTest, HealsAndRemembersCalls) {
  failing_->FailIf([](const StoreCall&) { return true; }, UnavailableError(), 1000);
  const Result<std::string> failed = s3_.Read("k", {3, 7});
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().range, "[3, 7)");
  failing_->Heal();
  EXPECT_TRUE(s3_.Put("k", "x").ok());
  const std::vector<StoreCall> calls = failing_->calls();
  ASSERT_EQ(calls.size(), 3u);
  EXPECT_EQ(calls[1].number, 2);
  EXPECT_EQ(calls[1].operation, "GetObject");
  EXPECT_EQ(calls[1].range, (ByteRange{3, 7}));
  EXPECT_EQ(calls[2].url.key, "k");
}

}  // namespace
}  // namespace s3native
