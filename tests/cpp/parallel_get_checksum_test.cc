// What a parallel GET does to verify a whole object.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string_view>
#include <utility>

#include "checksum_text.h"
#include "parallel_get.h"
#include "s3native/checksums.h"
#include "support/parallel_get_fixture.h"

namespace s3native {
namespace {

using ::testing::HasSubstr;

// The question for the object's checksum, and when it is answered.
class ParallelGetChecksum : public testing::Test {
 protected:
  struct Question : Operation {
    void Cancel() override { cancelled = true; }
    std::atomic<bool> cancelled = false;
  };

  ParallelGetOptions Asking(size_t concurrency) {
    ParallelGetOptions options = InParts(10, concurrency);
    options.ask_checksum = [this](Completion<ObjectInfo> answer) {
      ++questions_;
      answer_ = std::move(answer);
      return question_;
    };
    return options;
  }

  // With the CRC64NVME of the bytes.
  ObjectInfo Info() const {
    const std::string_view content = object_.Content(0, object_.info.size);
    ObjectInfo info = object_.info;
    info.checksum_crc64nvme = Crc64ToBase64(Crc64Nvme(content.data(), content.size()));
    return info;
  }
  ObjectInfo InfoOfOtherBytes() const {
    ObjectInfo info = object_.info;
    info.checksum_crc64nvme = Crc64ToBase64(1);
    return info;
  }
  void Answer(Result<ObjectInfo> info) { std::exchange(answer_, nullptr)(std::move(info)); }

  FakeObject object_{45};
  int questions_ = 0;
  Completion<ObjectInfo> answer_;
  const std::shared_ptr<Question> question_ = std::make_shared<Question>();
};

TEST_F(ParallelGetChecksum, IsVerifiedWheneverItComes) {
  for (const size_t served_before : {0, 1, 3, 5}) {
    FakeObject object(45);
    ParallelRead read(Asking(5), object.Parts(), {0, 45});
    EXPECT_EQ(answer_, nullptr);
    object.Announce(object.asked()[0]);
    ASSERT_NE(answer_, nullptr);
    ASSERT_EQ(object.asked().size(), 5u);
    for (size_t i = 0; i < served_before; ++i) object.Serve(object.asked()[i]);
    EXPECT_EQ(read.completions(), 0);
    Answer(Info());
    for (size_t i = served_before; i < 5; ++i) object.Serve(object.asked()[i]);
    EXPECT_TRUE(read.value().checksum_validated) << served_before;
    EXPECT_EQ(read.value().received, 45u);
  }
  EXPECT_EQ(questions_, 4);
}

TEST_F(ParallelGetChecksum, FindsWrongBytes) {
  for (const bool early : {false, true}) {
    FakeObject object(45);
    ParallelRead read(Asking(5), object.Parts(), {0, 45});
    object.Announce(object.asked()[0]);
    if (early) Answer(InfoOfOtherBytes());
    for (const FakePartPtr& part : object.asked()) object.Serve(part);
    if (!early) Answer(InfoOfOtherBytes());
    EXPECT_EQ(read.error().code, ErrorCode::kIntegrity);
    EXPECT_THAT(read.error().message, HasSubstr("do not match the object's CRC64NVME"));
  }
}

TEST_F(ParallelGetChecksum, IsNotVerifiedWhenItIsUnknownOrOfAnotherObject) {
  ObjectInfo other = InfoOfOtherBytes();
  other.etag = "\"of another\"";
  for (const Result<ObjectInfo>& answer :
       {Result<ObjectInfo>(other), Result<ObjectInfo>(object_.info),
        Result<ObjectInfo>(InvalidArgument("refused"))}) {
    FakeObject object(45);
    ParallelRead read(Asking(2), object.Parts([&](const FakePartPtr& part) { object.Serve(part); }),
                      {0, 45});
    EXPECT_EQ(read.completions(), 0);
    Answer(answer);
    EXPECT_EQ(read.value().received, 45u);
    EXPECT_FALSE(read.value().checksum_validated);
  }
}

TEST_F(ParallelGetChecksum, IsAskedForWholeObjectsOnly) {
  for (const ByteRange range : {ByteRange{0, 44}, ByteRange{1, 45}, ByteRange{1, 100}}) {
    FakeObject object(45);
    ParallelRead read(Asking(2), object.Parts([&](const FakePartPtr& part) { object.Serve(part); }),
                      range);
    ExpectRead(object, range, 10, &read);
    EXPECT_FALSE(read.value().checksum_validated);
  }
  EXPECT_EQ(questions_, 0);
}

TEST_F(ParallelGetChecksum, IsWithdrawnWithTheRead) {
  ParallelRead read(Asking(2), object_.Parts(), {0, 45});
  object_.Announce(object_.asked()[0]);
  EXPECT_FALSE(question_->cancelled);
  read.operation->Cancel();
  EXPECT_TRUE(question_->cancelled);
  for (const FakePartPtr& part : object_.asked()) object_.Fail(part, ErrorCode::kCancelled);
  Answer(InvalidArgument("cancelled"));
  EXPECT_EQ(read.error().code, ErrorCode::kCancelled);
}

TEST_F(ParallelGetChecksum, IsWithdrawnWhenAPartFails) {
  ParallelRead read(Asking(2), object_.Parts(), {0, 45});
  object_.Announce(object_.asked()[0]);
  object_.Fail(object_.asked()[1], ErrorCode::kTimeout);
  EXPECT_TRUE(question_->cancelled);
  Answer(InvalidArgument("cancelled"));
  object_.Fail(object_.asked()[0], ErrorCode::kCancelled);
  EXPECT_EQ(read.error().code, ErrorCode::kTimeout);
}

TEST_F(ParallelGetChecksum, IsWithdrawnWhenThePartsHaveFailedBeforeTheQuestion) {
  ParallelRead read(Asking(2), object_.Parts([&](const FakePartPtr& part) {
    if (part->request.range.start == 10) object_.Fail(part, ErrorCode::kTimeout);
  }),
                    {0, 45});
  object_.Announce(object_.asked()[0]);
  EXPECT_TRUE(question_->cancelled);
  object_.Fail(object_.asked()[0], ErrorCode::kCancelled);
  EXPECT_EQ(read.completions(), 0);
  Answer(InvalidArgument("cancelled"));
  EXPECT_EQ(read.error().code, ErrorCode::kTimeout);
}

}  // namespace
}  // namespace s3native
