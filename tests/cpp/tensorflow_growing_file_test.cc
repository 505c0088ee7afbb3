// Files that TensorFlow writes, in memory and, where the environment names one, on a server.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "growing_file.h"
#include "s3native/tensorflow.h"
#include "support/store_conformance.h"
#include "support/stream_fixture.h"

namespace s3native::tensorflow {
namespace {

constexpr uint64_t kPart = 5 << 20;

const std::string& Pattern() {
  static const std::string pattern = PatternBytes(2 * kPart + 1'000);
  return pattern;
}

std::string_view Content(uint64_t from, uint64_t to) {
  return std::string_view(Pattern()).substr(from, to - from);
}

class GrowingFileTest : public StreamTest, public testing::WithParamInterface<Backend> {
 protected:
  void SetUp() override {
    SetUpOn(GetParam(), kPart);
    if (client_) file_ = GrowingFile::Create(client_, Url("object"));
  }
  void TearDown() override {
    (void)PublishAllFlushed();
    file_ = nullptr;
    StreamTest::TearDown();
  }

  void Append() {
    auto opened = GrowingFile::Append(client_, Url("object"));
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    file_ = std::move(opened).value();
  }
  void Write(uint64_t from, uint64_t to) {
    const Status written = file_->Write(BytesOf(Content(from, to)));
    ASSERT_TRUE(written.ok()) << written.error().message;
  }
  void Flush() {
    const Status flushed = file_->Flush();
    ASSERT_TRUE(flushed.ok()) << flushed.error().message;
  }
  void Close() {
    const Status closed = file_->Close();
    ASSERT_TRUE(closed.ok()) << closed.error().message;
  }
  // -1: there is no such object.
  int64_t Visible() {
    const auto info = raw_->Head("object");
    return info.ok() ? static_cast<int64_t>(info.value().size) : -1;
  }
  void ExpectVisible(uint64_t size) {
    const auto text = raw_->Read("object", {0, size + 1});
    if (size == 0) {
      EXPECT_EQ(Visible(), 0);
      return;
    }
    ASSERT_TRUE(text.ok()) << text.error().message;
    EXPECT_TRUE(text.value() == Content(0, size)) << text.value().size() << " of " << size;
  }
  int Sent() const { return store_->count("PutObject") + store_->count("CompleteMultipartUpload"); }

  std::shared_ptr<GrowingFile> file_;
};

TEST_P(GrowingFileTest, AppearsWhenItIsClosed) {
  Write(0, 10);
  EXPECT_EQ(Visible(), -1);
  EXPECT_EQ(file_->size(), 10u);
  Close();
  ExpectVisible(10);
}

TEST_P(GrowingFileTest, AnEmptyOneAppearsAsWell) {
  Flush();
  EXPECT_EQ(Visible(), -1);
  Close();
  ExpectVisible(0);
}

TEST_P(GrowingFileTest, FlushedAndClosedAgainAndAgainIsSentOnce) {
  Write(0, 10);
  for (int i = 0; i < 2; ++i) {
    Flush();
    ExpectVisible(10);
    Close();
  }
  EXPECT_EQ(Sent(), 1);
}

TEST_P(GrowingFileTest, WhatIsThereIsReplaced) {
  Add("object", "something else");
  Write(0, 3);
  EXPECT_EQ(Visible(), 14);
  Close();
  ExpectVisible(3);
}

TEST_P(GrowingFileTest, ManyFlushesComeTogether) {
  for (uint64_t i = 0; i < 100; ++i) {
    Write(10 * i, 10 * i + 10);
    Flush();
  }
  EXPECT_EQ(Visible(), 10);
  EXPECT_EQ(Sent(), 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(1'300));
  ExpectVisible(1'000);
  EXPECT_EQ(Sent(), 2);
  EXPECT_EQ(store_->count("GetObject"), 0);
}

TEST_P(GrowingFileTest, WhatIsSynchronisedIsThereAtOnceUnlessItIsALog) {
  for (const char* name : {"object", "events.out.tfevents.1700000000.host"}) {
    file_ = GrowingFile::Create(client_, Url(name));
    const int before = Sent();
    for (int i = 0; i < 3; ++i) {
      Write(10 * i, 10 * i + 10);
      Flush();
      ASSERT_TRUE(file_->Sync().ok());
      ASSERT_TRUE(file_->Sync().ok());
    }
    EXPECT_EQ(Sent() - before, std::string_view(name) == "object" ? 3 : 1);
    Close();
  }
  ExpectVisible(30);
}

TEST_P(GrowingFileTest, WhatWaitsIsPublishedForWhoAsks) {
  Write(0, 10);
  Flush();
  Write(10, 20);
  Flush();
  EXPECT_EQ(Visible(), 10);
  EXPECT_TRUE(PublishFlushed(Url("other")).ok());
  EXPECT_EQ(Visible(), 10);
  EXPECT_TRUE(PublishFlushed(Url("object")).ok());
  ExpectVisible(20);
  Write(20, 30);
  Flush();
  EXPECT_TRUE(PublishAllFlushed().ok());
  ExpectVisible(30);
}

TEST_P(GrowingFileTest, OfALargeOneOnlyWhatIsNewIsSent) {
  Write(0, kPart + 10);
  Flush();
  const int parts = store_->count("UploadPart") + store_->count("PutObject");
  Write(kPart + 10, kPart + 30);
  Close();
  ExpectVisible(kPart + 30);
  EXPECT_EQ(store_->count("UploadPartCopy"), 1);
  EXPECT_EQ(store_->count("UploadPart") + store_->count("PutObject"), parts + 1);
}

TEST_P(GrowingFileTest, ASmallOneBecomesALargeOne) {
  for (const auto& [from, to] : {std::pair<uint64_t, uint64_t>{0, 100},
                                 {100, kPart - 1},
                                 {kPart - 1, kPart + 1},
                                 {kPart + 1, 2 * kPart + 5}}) {
    Write(from, to);
    Close();
    ExpectVisible(to);
  }
}

TEST_P(GrowingFileTest, GoesOnBehindWhatIsThere) {
  for (const uint64_t size : {uint64_t{0}, uint64_t{7}, kPart - 1, kPart, kPart + 1}) {
    SCOPED_TRACE(size);
    Add("object", Content(0, size));
    Append();
    EXPECT_EQ(file_->size(), size);
    Write(size, size + 9);
    Close();
    ExpectVisible(size + 9);
  }
}

TEST_P(GrowingFileTest, BehindNothingIsAtTheBeginning) {
  Append();
  Close();
  ExpectVisible(0);
  Append();
  Write(0, 5);
  Close();
  ExpectVisible(5);
}

TEST_P(GrowingFileTest, OpenedToAppendAndClosedItStays) {
  const std::string etag = Add("object", Content(0, 10));
  Append();
  Close();
  EXPECT_EQ(raw_->Head("object").value().etag, etag);
  EXPECT_EQ(Sent(), 0);
}

TEST_P(GrowingFileTest, AFailureStaysAndNothingHalfIsSeen) {
  Write(0, 10);
  Flush();
  Write(10, 20);
  store_->FailIf([](const StoreCall& call) { return call.operation == "PutObject"; },
                 UnavailableError());
  EXPECT_FALSE(file_->Close().ok());
  EXPECT_FALSE(file_->Write(BytesOf("x")).ok());
  EXPECT_FALSE(file_->Flush().ok());
  EXPECT_FALSE(file_->Close().ok());
  ExpectVisible(10);
}

TEST_P(GrowingFileTest, AFailureOfALatePublicationIsHeardOf) {
  Write(0, 10);
  Flush();
  Write(10, 20);
  Flush();
  store_->FailIf([](const StoreCall& call) { return call.operation == "PutObject"; },
                 UnavailableError());
  EXPECT_FALSE(PublishAllFlushed().ok());
  EXPECT_FALSE(file_->Close().ok());
}

TEST_P(GrowingFileTest, WhatIsDroppedLeavesNothing) {
  Write(0, 2 * kPart);
  file_ = nullptr;
  EXPECT_EQ(Visible(), -1);
  const auto page = raw_->ListUploads("object");
  ASSERT_TRUE(page.ok());
  EXPECT_TRUE(page.value().uploads.empty());
}

INSTANTIATE_TEST_SUITE_P(All, GrowingFileTest, testing::Values(Backend::kMemory, Backend::kServer),
                         [](const auto& info) { return std::string(NameOf(info.param)); });

}  // namespace
}  // namespace s3native::tensorflow
