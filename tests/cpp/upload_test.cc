#include "upload.h"

#include <gtest/gtest.h>

#include "checksum_text.h"
#include "md5.h"
#include "s3native/checksums.h"
#include "support/failing_store.h"
#include "support/memory_store.h"
#include "support/store_driver.h"

namespace s3native {
namespace {

const S3Url kUrl{"bucket", "key"};
const std::string kData(11 << 20, 'd');  // three parts of 5 MiB

class UploadTest : public testing::Test {
 protected:
  UploadTest() {
    EXPECT_TRUE(StoreDriver(memory_, "bucket", "").CreateBucket("bucket").ok());
    config_.part_size = 5 << 20;
    config_.total_timeout_s = 60;
  }

  Result<PutResult> Upload(std::optional<bool> checksum = std::nullopt) {
    UploadOptions options;
    options.checksum = checksum;
    return UploadBytes(failing_, config_, kUrl, BytesOf(kData), options, {});
  }
  void Fail(const std::string& operation, FailingStore::When when, Error error = UnavailableError(),
            int times = 1) {
    failing_->FailIf([=](const StoreCall& call) { return call.operation == operation; },
                     std::move(error), times, when);
  }
  size_t PendingUploads() {
    UploadsPage page = WaitFor<UploadsPage>([&](auto done) {
                         return memory_->ListUploads({"bucket", "", "", ""}, std::move(done));
                       }).value();
    return page.uploads.size();
  }

  const std::shared_ptr<MemoryStore> memory_ = std::make_shared<MemoryStore>();
  const std::shared_ptr<FailingStore> failing_ = std::make_shared<FailingStore>(memory_);
  Config config_;
};

TEST_F(UploadTest, ACompletionWhoseAnswerIsLostIsASuccess) {
  Fail("CompleteMultipartUpload", FailingStore::When::kAfter);
  const Result<PutResult> put = Upload();
  ASSERT_TRUE(put.ok()) << put.error().message;
  EXPECT_EQ(put.value().checksum_crc64nvme, Crc64ToBase64(Crc64Nvme(kData.data(), kData.size())));
  EXPECT_FALSE(put.value().etag.empty());
  EXPECT_EQ(memory_->Content(kUrl), kData);
}

TEST_F(UploadTest, ACompletionThatDidNotHappenIsAFailureAndLeavesNothing) {
  Fail("CompleteMultipartUpload", FailingStore::When::kBefore);
  const Result<PutResult> put = Upload();
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(put.error().operation, "CompleteMultipartUpload");
  EXPECT_FALSE(memory_->Content(kUrl));
  EXPECT_EQ(PendingUploads(), 0u);
}

TEST_F(UploadTest, AnotherObjectOfTheSizeIsNotTakenForTheUploaded) {
  Fail("CompleteMultipartUpload", FailingStore::When::kAfter);
  const std::string other(kData.size(), 'o');
  // As if another writer had come between: the upload is gone, and the object is another.
  failing_->FailIf(
      [&](const StoreCall& call) {
        if (call.operation == "HeadObject")
          WaitFor<PutResult>([&](auto done) {
            return memory_->Put({kUrl, BytesOf(other), {}, ""}, std::move(done));
          }).value();
        return false;
      },
      UnavailableError());
  const Result<PutResult> put = Upload();
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(put.error().operation, "CompleteMultipartUpload");
}

TEST_F(UploadTest, AFailedPartLeavesNothing) {
  Fail("UploadPart", FailingStore::When::kAfter);
  const Result<PutResult> put = Upload();
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(put.error().operation, "UploadPart");
  EXPECT_FALSE(memory_->Content(kUrl));
  EXPECT_EQ(PendingUploads(), 0u);
}

// Answers only the second CreateMultipartUpload, as if the first one's answer had been lost.
class AskedTwice : public FailingStore {
 public:
  using FailingStore::FailingStore;
  OperationPtr CreateUpload(CreateUploadRequest request, Completion<CreatedUpload> done) override {
    FailingStore::CreateUpload(request, [](const Result<CreatedUpload>&) {});
    return FailingStore::CreateUpload(request, [done](Result<CreatedUpload> created) {
      created.value().sent_again = true;
      done(std::move(created));
    });
  }
};

TEST_F(UploadTest, TheUploadOfALostAnswerIsAborted) {
  const auto twice = std::make_shared<AskedTwice>(memory_);
  ASSERT_TRUE(UploadBytes(twice, config_, kUrl, BytesOf(kData), {}, {}).ok());
  EXPECT_EQ(memory_->Content(kUrl), kData);
  EXPECT_EQ(PendingUploads(), 0u);
}

TEST_F(UploadTest, UploadsOfOthersAreLeftAlone) {
  StoreDriver others(memory_, "bucket", "");
  const std::string with_parts = others.CreateUpload("key").value();
  ASSERT_TRUE(others.UploadPart("key", with_parts, 1, "part").ok());
  const std::string of_another_key = others.CreateUpload("key-2").value();
  const auto twice = std::make_shared<AskedTwice>(memory_);
  ASSERT_TRUE(UploadBytes(twice, config_, kUrl, BytesOf(kData), {}, {}).ok());
  EXPECT_TRUE(others.ListParts("key", with_parts).ok());
  EXPECT_TRUE(others.ListParts("key-2", of_another_key).ok());
  EXPECT_EQ(PendingUploads(), 2u);
}

TEST(Md5, OfTheDefinition) {  // RFC 1321, A.5
  std::string hex;
  for (const char byte : Md5("message digest")) {
    char text[3];
    std::snprintf(text, sizeof text, "%02x", static_cast<uint8_t>(byte));
    hex += text;
  }
  EXPECT_EQ(hex, "f96b697d7cb7938d525a2f31aaf161d0");
}

}  // namespace
}  // namespace s3native
