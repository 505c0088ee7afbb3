// Writers over a store in memory and, where the environment names one, over a server.
#include "s3native/writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

#include "checksum_text.h"
#include "s3native/checksums.h"
#include "support/store_conformance.h"
#include "support/stream_fixture.h"

namespace s3native {
namespace {

constexpr uint64_t kPart = 5 << 20;

const std::string& Pattern() {
  static const std::string pattern = PatternBytes(3 * kPart + 1'000);
  return pattern;
}

std::string_view Content(uint64_t size) { return std::string_view(Pattern()).substr(0, size); }

class WriterTest : public StreamTest, public testing::WithParamInterface<Backend> {
 protected:
  void SetUp() override { SetUpOn(GetParam(), kPart); }
  void TearDown() override {
    writer_ = nullptr;
    StreamTest::TearDown();
  }

  std::unique_ptr<Writer> NewWriter(const std::string& name, UploadOptions options = {}) {
    auto opened = client_->OpenWriter(Url(name), std::move(options));
    EXPECT_TRUE(opened.ok()) << opened.error().message;
    return std::move(opened).value();
  }
  void Open(UploadOptions options = {}) { writer_ = NewWriter("object", std::move(options)); }

  Status Write(std::string_view data, const CallOptions& call = {}) {
    return writer_->Write(BytesOf(data), call);
  }
  // In steps of that size.
  Status WriteAll(std::string_view data, size_t step) {
    for (; !data.empty(); data.remove_prefix(std::min(step, data.size()))) {
      Status written = Write(data.substr(0, step));
      if (!written.ok()) return written;
    }
    return Ok();
  }
  void ExpectStored(const std::string& name, std::string_view content) {
    const auto text = raw_->Read(name, {0, std::max<uint64_t>(content.size(), 1) + 1});
    ASSERT_TRUE(text.ok()) << text.error().message;
    EXPECT_TRUE(text.value() == content) << text.value().size() << " of " << content.size();
  }
  void ExpectNoObject() {
    const auto info = raw_->Head("object");
    ASSERT_FALSE(info.ok()) << info.value().size << " bytes";
    EXPECT_EQ(info.error().code, ErrorCode::kNotFound);
  }
  size_t Uploads() {
    const auto page = raw_->ListUploads("object");
    EXPECT_TRUE(page.ok()) << page.error().message;
    return page.ok() ? page.value().uploads.size() : 0;
  }
  void ExpectNoUploads() { EXPECT_EQ(Uploads(), 0u); }
  void ExpectNothing() {
    ExpectNoObject();
    ExpectNoUploads();
  }
  void ExpectRoundTrip(uint64_t size, size_t step) {
    SCOPED_TRACE(std::to_string(size) + " in steps of " + std::to_string(step));
    Open();
    ASSERT_TRUE(WriteAll(Content(size), step).ok());
    const auto put = writer_->Close({});
    ASSERT_TRUE(put.ok()) << put.error().message;
    EXPECT_FALSE(put.value().etag.empty());
    ExpectStored("object", Content(size));
    ExpectNoUploads();
  }
  // Everything fails with this from now on.
  void ExpectEnded(ErrorCode code) {
    const Status written = Write("more");
    ASSERT_FALSE(written.ok());
    EXPECT_EQ(written.error().code, code);
    const auto closed = writer_->Close({});
    ASSERT_FALSE(closed.ok());
    EXPECT_EQ(closed.error().code, code);
    writer_->Abort();
  }

  std::unique_ptr<Writer> writer_;
};

// ---- what is stored ----

TEST_P(WriterTest, AnyNumberOfBytes) {
  for (const uint64_t size :
       {uint64_t{0}, uint64_t{1}, kPart - 1, kPart, kPart + 1, 2 * kPart, 2 * kPart + 1})
    ExpectRoundTrip(size, size + 1);
}

TEST_P(WriterTest, StepsOfAnySize) {
  ExpectRoundTrip(2'000, 1);
  ExpectRoundTrip(kPart + 1, 100'003);
  ExpectRoundTrip(2 * kPart, kPart);
  std::vector<size_t> steps = {1'000'003, kPart + 1};
  if (GetParam() == Backend::kMemory) steps.insert(steps.end(), {256 << 10, kPart - 1, 2 * kPart});
  for (const size_t step : steps) ExpectRoundTrip(2 * kPart + 1'000, step);
}

TEST_P(WriterTest, SingleBytesAcrossTheEndsOfParts) {
  Open();
  ASSERT_TRUE(Write(Content(kPart - 5)).ok());
  ASSERT_TRUE(WriteAll(Content(kPart + 5).substr(kPart - 5), 1).ok());
  ASSERT_TRUE(Write(Content(2 * kPart - 5).substr(kPart + 5)).ok());
  ASSERT_TRUE(WriteAll(Content(2 * kPart + 5).substr(2 * kPart - 5), 1).ok());
  ASSERT_TRUE(writer_->Close({}).ok());
  ExpectStored("object", Content(2 * kPart + 5));
}

TEST_P(WriterTest, EmptyWritesAreNothing) {
  Open();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Write({}).ok());
  ASSERT_TRUE(Write("ab").ok());
  ASSERT_TRUE(Write({}).ok());
  ASSERT_TRUE(writer_->Close({}).ok());
  ExpectStored("object", "ab");
}

TEST_P(WriterTest, OnePutForWhatFitsAPart) {
  ExpectRoundTrip(kPart, 1 << 20);
  EXPECT_EQ(store_->calls().size(), 1u);
  EXPECT_EQ(store_->count("PutObject"), 1);
}

TEST_P(WriterTest, PartsForWhatDoesNot) {
  ExpectRoundTrip(kPart + 1, 1 << 20);
  EXPECT_EQ(store_->count("CreateMultipartUpload"), 1);
  EXPECT_EQ(store_->count("UploadPart"), 2);
  EXPECT_EQ(store_->count("CompleteMultipartUpload"), 1);
  EXPECT_EQ(store_->calls().size(), 4u);
}

TEST_P(WriterTest, TwoFullPartsAreTwo) {
  ExpectRoundTrip(2 * kPart, 2 * kPart);
  EXPECT_EQ(store_->count("UploadPart"), 2);
}

TEST_P(WriterTest, OpeningSendsNothing) {
  Open();
  ASSERT_TRUE(Write("a").ok());
  EXPECT_TRUE(store_->calls().empty());
  writer_ = nullptr;
  EXPECT_TRUE(store_->calls().empty());
}

TEST_P(WriterTest, ChecksumsAreOfTheContent) {
  for (const uint64_t size : {uint64_t{0}, uint64_t{100}, 2 * kPart + 7}) {
    const std::string_view content = Content(size);
    Open();
    ASSERT_TRUE(WriteAll(content, 700'001).ok());
    const auto put = writer_->Close({});
    ASSERT_TRUE(put.ok()) << put.error().message;
    const std::string expected = Crc64ToBase64(Crc64Nvme(content.data(), content.size()));
    EXPECT_EQ(put.value().checksum_crc64nvme, expected);
    EXPECT_EQ(raw_->Head("object").value().checksum_crc64nvme, expected);
  }
}

TEST_P(WriterTest, ChecksumsMayBeLeftOut) {
  UploadOptions options;
  options.checksum = false;
  options.object.metadata["colour"] = "blue";
  Open(options);
  ASSERT_TRUE(WriteAll(Content(kPart + 7), 700'001).ok());
  ASSERT_TRUE(writer_->Close({}).ok());
  ExpectStored("object", Content(kPart + 7));
  EXPECT_EQ(raw_->Head("object").value().metadata["colour"], "blue");
}

TEST_P(WriterTest, MemoryMayBeChangedAtOnce) {
  Open();
  std::string memory;
  uint64_t at = 0;
  for (const uint64_t step : {uint64_t{100}, kPart + 7, 2 * kPart - 107, uint64_t{50}}) {
    memory = Pattern().substr(at, step);
    at += step;
    ASSERT_TRUE(Write(memory).ok());
    std::memset(memory.data(), '!', memory.size());
  }
  ASSERT_TRUE(writer_->Close({}).ok());
  ExpectStored("object", Content(3 * kPart + 50));
}

// ---- when it is visible ----

TEST_P(WriterTest, NothingIsVisibleBeforeClose) {
  Open();
  ASSERT_TRUE(Write(Content(10)).ok());
  ExpectNoObject();
  ASSERT_TRUE(writer_->Close({}).ok());
  Open();
  ASSERT_TRUE(Write(Content(2 * kPart + 1)).ok());
  ExpectStored("object", Content(10));
  ASSERT_TRUE(writer_->Close({}).ok());
  ExpectStored("object", Content(2 * kPart + 1));
}

TEST_P(WriterTest, AbortedOrDroppedLeavesNothing) {
  for (const uint64_t size : {uint64_t{10}, 2 * kPart + 1}) {
    for (const bool abort : {true, false}) {
      Open();
      ASSERT_TRUE(WriteAll(Content(size), 1'000'003).ok());
      if (abort) {
        writer_->Abort();
        ExpectEnded(ErrorCode::kInvalidArgument);
      }
      writer_ = nullptr;
      ExpectNothing();
    }
  }
}

TEST_P(WriterTest, ClosedIsClosed) {
  for (const uint64_t size : {uint64_t{10}, kPart + 1}) {
    Open();
    ASSERT_TRUE(Write(Content(size)).ok());
    ASSERT_TRUE(writer_->Close({}).ok());
    ExpectEnded(ErrorCode::kInvalidArgument);
    writer_ = nullptr;
    ExpectStored("object", Content(size));
  }
}

TEST_P(WriterTest, ExistingObjectsAreKeptIfAskedTo) {
  Add("object", "before");
  for (const uint64_t size : {uint64_t{10}, kPart + 1}) {
    UploadOptions options;
    options.object.if_none_match = true;
    Open(options);
    const Status written = Write(Content(size));
    const auto put = writer_->Close({});
    ASSERT_FALSE(put.ok());
    EXPECT_EQ(put.error().code, ErrorCode::kPreconditionFailed) << put.error().message;
    ExpectEnded(ErrorCode::kPreconditionFailed);
    ExpectStored("object", "before");
    ExpectNoUploads();
  }
}

TEST_P(WriterTest, NewObjectsAreMadeIfThereIsNone) {
  for (const uint64_t size : {uint64_t{10}, kPart + 1}) {
    UploadOptions options;
    options.object.if_none_match = true;
    Open(options);
    ASSERT_TRUE(Write(Content(size)).ok());
    ASSERT_TRUE(writer_->Close({}).ok());
    ExpectStored("object", Content(size));
    ASSERT_TRUE(raw_->Delete("object").ok());
  }
}

// ---- failures ----

TEST_P(WriterTest, AFailureAtAnyRequestLeavesNothing) {
  for (const uint64_t size : {uint64_t{10}, kPart + 1}) {
    for (int failing = 1;; ++failing) {
      SCOPED_TRACE(failing);
      const int before = static_cast<int>(store_->calls().size());
      store_->FailAt(before + failing, UnavailableError());
      Open();
      const Status written = WriteAll(Content(size), 2'000'003);
      const auto put = writer_->Close({});
      const bool failed = static_cast<int>(store_->calls().size()) >= before + failing;
      store_->Heal();
      ASSERT_EQ(put.ok(), !failed);
      if (!failed) break;
      EXPECT_EQ(put.error().code, ErrorCode::kUnavailable);
      ExpectEnded(ErrorCode::kUnavailable);
      ExpectNothing();
    }
    ExpectStored("object", Content(size));
    ASSERT_TRUE(raw_->Delete("object").ok());
  }
}

TEST_P(WriterTest, LostAnswersOfPartsLeaveNothing) {
  for (const int part : {1, 3}) {
    store_->FailIf([=](const StoreCall& call) { return call.part_number == part; },
                   UnavailableError(), 1, FailingStore::When::kAfter);
    Open();
    const Status written = WriteAll(Content(2 * kPart + 1), 2'000'003);
    EXPECT_FALSE(writer_->Close({}).ok());
    ExpectNothing();
    store_->Heal();
  }
}

TEST_P(WriterTest, ALostAnswerOfTheCompletionIsASuccess) {
  store_->FailIf([](const StoreCall& call) { return call.operation == "CompleteMultipartUpload"; },
                 UnavailableError(), 1, FailingStore::When::kAfter);
  ExpectRoundTrip(kPart + 1, 1'000'003);
}

TEST_P(WriterTest, AbortsAreRepeated) {
  store_->FailIf([](const StoreCall& call) { return call.operation == "AbortMultipartUpload"; },
                 UnavailableError(), 2);
  Open();
  ASSERT_TRUE(Write(Content(kPart + 1)).ok());
  writer_->Abort();
  ExpectNothing();
}

// ---- interruption ----

TEST_P(WriterTest, AnInterruptedWriteLeavesNothing) {
  const CallOptions interrupted = {[] { return true; }};
  store_->Hold("UploadPart");
  Open();
  const Status written = Write(Content(2 * kPart), interrupted);  // waits for its parts
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(store_->held(), 0u);
  ExpectEnded(ErrorCode::kCancelled);
  ExpectNothing();
}

// It is begun only after the caller has gone.
TEST_P(WriterTest, AnUploadThatNobodyWaitsForIsAborted) {
  store_->Hold("CreateMultipartUpload");
  Open();
  const Status written = Write(Content(kPart + 1), {[] { return true; }});
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, ErrorCode::kCancelled);
  writer_ = nullptr;
  store_->LetGo();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (std::chrono::steady_clock::now() < deadline &&
         (store_->count("AbortMultipartUpload") == 0 || Uploads() != 0))
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(store_->count("CreateMultipartUpload"), 1);
  EXPECT_EQ(store_->count("AbortMultipartUpload"), 1);
  ExpectNothing();
}

TEST_P(WriterTest, AnInterruptedCloseLeavesNothing) {
  const CallOptions interrupted = {[] { return true; }};
  for (const char* operation : {"PutObject", "UploadPart", "CompleteMultipartUpload"}) {
    const bool parts = operation != std::string("PutObject");
    Open();
    ASSERT_TRUE(Write(Content(parts ? kPart + 1 : 10)).ok());
    store_->Hold(operation);
    const auto put = writer_->Close(interrupted);
    store_->LetGo();
    ASSERT_FALSE(put.ok()) << operation;
    EXPECT_EQ(put.error().code, ErrorCode::kCancelled);
    ExpectEnded(ErrorCode::kCancelled);
    ExpectNothing();
  }
}

TEST_P(WriterTest, DroppedWithPartsUnderWayLeavesNothing) {
  store_->Hold("UploadPart");
  Open();
  ASSERT_TRUE(WriteAll(Content(3 * kPart), 1'000'003).ok());
  EXPECT_GT(store_->held(), 0u);
  writer_ = nullptr;
  EXPECT_EQ(store_->held(), 0u);
  store_->LetGo();
  Open();
  ASSERT_TRUE(WriteAll(Content(3 * kPart), 1'000'003).ok());  // parts that are really sent
  writer_ = nullptr;
  ExpectNothing();
}

TEST_P(WriterTest, WaitsForMemoryAreInterrupted) {
  SetLimit(1);
  Open();
  ASSERT_TRUE(Write("first").ok());  // who holds nothing is granted something
  GetProcessMemory().budget->TryReserve(1, Claim::kNeeded);
  std::atomic<bool> interrupt = false;
  const CallOptions call = {[&] { return interrupt.load(); }};
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    interrupt = true;
  });
  store_->Hold("UploadPart");
  const Status written = Write(Content(3 * kPart), call);
  later.join();
  GetProcessMemory().budget->Release(1);
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, ErrorCode::kCancelled);
  ExpectNothing();
}

// ---- memory ----

TEST_P(WriterTest, PartsAreSmallWhereMemoryIsSpent) {
  const std::string data = Pattern() + Pattern();
  const uint64_t limit_and_part[][3] = {
      {1, 6 << 20, 7},           // never granted: of 5 MiB
      {1, 20 << 20, 7},          // likewise, instead of growing
      {42 << 20, 20 << 20, 3},   // the first of 8 MB, which cannot grow beside its successor
      {512 << 20, 20 << 20, 2},  // enough
  };
  for (const auto& [limit, part, parts] : limit_and_part) {
    SetLimit(limit);
    GetProcessMemory().budget->TryReserve(1, Claim::kNeeded);  // somebody else's
    UploadOptions options;
    options.part_size = part;
    Open(options);
    ASSERT_TRUE(WriteAll(data, 1'000'003).ok());
    const auto put = writer_->Close({});
    GetProcessMemory().budget->Release(1);
    ASSERT_TRUE(put.ok()) << put.error().message;
    EXPECT_THAT(put.value().etag, testing::EndsWith("-" + std::to_string(parts) + "\""));
    ExpectStored("object", data);
    EXPECT_EQ(GetProcessMemory().budget->reserved(), 0u);
  }
}

TEST_P(WriterTest, WritesWithLittleMemory) {
  SetLimit(1);
  ExpectRoundTrip(3 * kPart + 1'000, 100'003);
}

TEST_P(WriterTest, SmallObjectsTakeLittleMemory) {
  Open();
  ASSERT_TRUE(Write("small").ok());
  EXPECT_LE(Reserved(), 256u << 10);
  ASSERT_TRUE(writer_->Close({}).ok());
  EXPECT_EQ(Reserved(), 0u);
}

// Lets go of what it is given when all of so many threads have come.
class Barrier {
 public:
  explicit Barrier(int count) : missing_(count) {}
  void Wait() {
    --missing_;
    while (missing_ > 0) std::this_thread::yield();
  }

 private:
  std::atomic<int> missing_;
};

TEST_P(WriterTest, ManyWritersShareLittleMemory) {
  SetLimit(32 << 20);
  constexpr int kWriters = 16;
  std::atomic<int> failed = 0;
  Barrier begin(kWriters);
  std::vector<std::thread> threads;
  for (int i = 0; i < kWriters; ++i) {
    threads.emplace_back([&, i] {
      const auto writer = NewWriter("many-" + std::to_string(i));
      begin.Wait();
      const std::string_view content = Content(kPart + 100'000 + static_cast<uint64_t>(i));
      for (size_t at = 0; at < content.size(); at += 200'000) {
        if (!writer->Write(BytesOf(content.substr(at, 200'000)), {}).ok()) ++failed;
      }
      if (!writer->Close({}).ok()) ++failed;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  for (int i = 0; i < kWriters; ++i)
    ExpectStored("many-" + std::to_string(i), Content(kPart + 100'000 + static_cast<uint64_t>(i)));
}

TEST_P(WriterTest, OneThreadMayWriteManyObjectsInTurn) {
  SetLimit(32 << 20);
  std::vector<std::unique_ptr<Writer>> writers;
  for (int i = 0; i < 16; ++i) writers.push_back(NewWriter("turn-" + std::to_string(i)));
  const std::string_view content = Content(kPart + 1);
  for (size_t at = 0; at < content.size(); at += 500'000) {
    for (const auto& writer : writers)
      ASSERT_TRUE(writer->Write(BytesOf(content.substr(at, 500'000)), {}).ok()) << at;
  }
  for (const auto& writer : writers) ASSERT_TRUE(writer->Close({}).ok());
  for (int i = 0; i < 16; ++i) ExpectStored("turn-" + std::to_string(i), content);
}

// ---- behind what is there ----

TEST_P(WriterTest, GoesOnBehindAnObjectWithoutSendingItAgain) {
  for (const uint64_t more : {uint64_t{0}, uint64_t{7}, kPart + 7}) {
    SCOPED_TRACE(more);
    const std::string etag = Add("object", Content(kPart));
    UploadOptions options;
    options.after = Existing{etag, kPart};
    Open(options);
    ASSERT_TRUE(WriteAll(Content(kPart + more).substr(kPart), 1'000'003).ok());
    const auto put = writer_->Close({});
    ASSERT_TRUE(put.ok()) << put.error().message;
    ExpectStored("object", Content(kPart + more));
    EXPECT_EQ(raw_->Head("object").value().etag, put.value().etag);
  }
  EXPECT_EQ(store_->count("UploadPartCopy"), 3);
  EXPECT_EQ(store_->count("UploadPart"), 3);
  EXPECT_EQ(store_->count("PutObject"), 0);
  ExpectNoUploads();
}

TEST_P(WriterTest, WhatChangedMeanwhileIsNotGoneOnBehind) {
  const std::string etag = Add("object", Content(kPart));
  Add("object", Content(kPart + 1));
  UploadOptions options;
  options.after = Existing{etag, kPart};
  Open(options);
  ASSERT_TRUE(Write("more").ok());
  const auto put = writer_->Close({});
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(put.error().code, ErrorCode::kPreconditionFailed) << put.error().message;
  ExpectStored("object", Content(kPart + 1));
  ExpectNoUploads();
}

TEST_P(WriterTest, LessThanFiveMebibytesAreNotGoneOnBehind) {
  UploadOptions options;
  options.after = Existing{"\"etag\"", kPart - 1};
  const auto opened = client_->OpenWriter(Url("object"), options);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, ErrorCode::kInvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(All, WriterTest, testing::Values(Backend::kMemory, Backend::kServer),
                         [](const auto& info) { return std::string(NameOf(info.param)); });

}  // namespace
}  // namespace s3native
