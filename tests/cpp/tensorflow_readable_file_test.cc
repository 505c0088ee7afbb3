// Files that TensorFlow reads, in memory and, where the environment names one, on a server.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "readable_file.h"
#include "s3native/checksums.h"
#include "support/store_conformance.h"
#include "support/stream_fixture.h"

namespace s3native::tensorflow {
namespace {

constexpr uint64_t kSize = 3'000'000;
constexpr size_t kRecordBuffer = 127 << 20;  // what TFRecordDataset asks for
constexpr size_t kPiece = 4 << 20;           // what it gets

const std::string& Pattern() {
  static const std::string pattern = PatternBytes(kSize);
  return pattern;
}

class ReadableFileTest : public StreamTest, public testing::WithParamInterface<Backend> {
 protected:
  void SetUp() override { SetUpOn(GetParam(), 5 << 20); }
  void TearDown() override {
    file_ = nullptr;
    StreamTest::TearDown();
  }

  void Open(const std::string& name, std::string_view content) {
    Add(name, content);
    auto opened = ReadableFile::Open(client_, Url(name));
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    file_ = std::move(opened).value();
  }
  std::string Read(uint64_t start, size_t size) {
    std::string text(size, '\0');
    const auto got = file_->Fill(start, {reinterpret_cast<std::byte*>(text.data()), size});
    EXPECT_TRUE(got.ok()) << got.error().message;
    text.resize(got.ok() ? got.value().size : 0);
    EXPECT_EQ(got.ok() && got.value().ended, text.size() < size);
    return text;
  }
  // Through TFRecordDataset's buffer: new memory, of which little is used.
  std::string ReadForRecords(uint64_t start, bool* ended) {
    const std::unique_ptr<std::byte[]> buffer(new std::byte[kRecordBuffer]);
    const auto got = file_->Fill(start, {buffer.get(), kRecordBuffer});
    EXPECT_TRUE(got.ok()) << got.error().message;
    if (!got.ok()) return "";
    *ended = got.value().ended;
    return {reinterpret_cast<const char*>(buffer.get()), static_cast<size_t>(got.value().size)};
  }
  void ExpectRead(uint64_t start, size_t size) {
    EXPECT_TRUE(Read(start, size) == Pattern().substr(std::min(start, kSize), size))
        << size << " from " << start;
  }

  std::unique_ptr<ReadableFile> file_;
};

TEST_P(ReadableFileTest, AnySizeFromAnywhere) {
  Open("object", Pattern());
  for (const size_t size :
       {size_t{1}, size_t{100'000}, size_t{131'071}, size_t{131'072}, size_t{1'000'000}}) {
    for (const uint64_t start :
         {uint64_t{0}, uint64_t{12'345}, kSize / 2, kSize - 5, kSize, kSize + 5})
      ExpectRead(start, size);
  }
}

TEST_P(ReadableFileTest, OpeningSendsNothingAndTinyReadsShareRequests) {
  Open("object", Pattern());
  EXPECT_EQ(store_->calls().size(), 0u);
  for (uint64_t start = 0; start < 300'000; start += 30) {
    ExpectRead(start, 12);
    ExpectRead(start + 12, 18);
  }
  EXPECT_LE(store_->calls().size(), 8u);
}

// As TensorFlow writes it, of `size` bytes with the checksums.
std::string Record(size_t size) {
  const uint64_t length = size - 16;
  std::string text(reinterpret_cast<const char*>(&length), 8);
  const uint32_t crc = Crc32c(text.data(), 8);
  const uint32_t masked = ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
  text.append(reinterpret_cast<const char*>(&masked), 4);
  return text + std::string(size - 12, 'x');  // nobody looks at the content's here
}

TEST_P(ReadableFileTest, ReadersOfRecordsGetPieces) {
  const std::string records = Record(500'000) + Record(2 * kPiece) + Record(100);
  for (const size_t begin : {size_t{0}, size_t{500'000}}) {  // also where an iterator is restored
    Open("records", records);
    std::string all = records.substr(0, begin);
    bool ended = false;
    while (!ended) {
      const std::string piece = ReadForRecords(all.size(), &ended);
      EXPECT_EQ(piece.size(), std::min(kPiece, records.size() - all.size()));
      all += piece;
    }
    EXPECT_TRUE(all == records);
  }
}

TEST_P(ReadableFileTest, WhoeverElseAsksForAsMuchGetsAll) {
  const std::string records = Record(500'000) + Record(2 * kPiece);
  bool ended = false;
  Open("records", records);
  EXPECT_TRUE(ReadForRecords(499'999, &ended) == records.substr(499'999));  // not where one begins
  EXPECT_TRUE(ReadForRecords(500'000, &ended) == records.substr(500'000));  // as it was used first
  for (const std::string& content : {Pattern(), std::string(5, 'x'), std::string()}) {
    Open("object", content);
    EXPECT_TRUE(ReadForRecords(0, &ended) == content);
    EXPECT_TRUE(ended);
  }
  if (GetParam() != Backend::kMemory) return;
  Open("whole", Record(kRecordBuffer));  // a file that is read as a whole
  EXPECT_EQ(ReadForRecords(0, &ended).size(), kRecordBuffer);
  EXPECT_FALSE(ended);
}

TEST_P(ReadableFileTest, TheEndIsTheEnd) {
  Open("object", "0123456789");
  EXPECT_EQ(Read(0, 200'000), "0123456789");
  EXPECT_EQ(Read(4, 100), "456789");
  EXPECT_EQ(Read(10, 1), "");
  Open("empty", "");
  EXPECT_EQ(Read(0, 10), "");
  EXPECT_EQ(Read(0, 200'000), "");
}

TEST_P(ReadableFileTest, ManyThreadsAtOnce) {
  Open("object", Pattern());
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (uint64_t k = 0; k < 50; ++k) {
        const uint64_t start = (i * 7'919 + k * 104'729) % kSize;
        const size_t size = k % 5 == 0 ? 200'000 : 1'000;
        if (Read(start, size) != Pattern().substr(start, size)) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_P(ReadableFileTest, WhatWasOpenedIsReadOrNothing) {
  Open("object", Pattern());
  ExpectRead(0, 10);
  Add("object", Pattern().substr(1));
  std::byte byte{};
  const auto got = file_->Fill(kSize - 10, {&byte, 1});
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().code, ErrorCode::kPreconditionFailed);
}

TEST_P(ReadableFileTest, ALogMayGrow) {
  const std::string name = "events.out.tfevents.1700000000.host";
  Open(name, "one");
  EXPECT_EQ(Read(0, 10), "one");
  EXPECT_EQ(Read(3, 10), "");
  Add(name, "one, two");
  EXPECT_EQ(Read(3, 10), ", two");
  EXPECT_EQ(Read(8, 10), "");
}

TEST_P(ReadableFileTest, WhatIsMissingIsMissingWhenItIsRead) {
  auto opened = ReadableFile::Open(client_, Url("missing"));
  ASSERT_TRUE(opened.ok());
  std::byte byte{};
  const auto got = opened.value()->Fill(0, {&byte, 1});
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().code, ErrorCode::kNotFound);
}

INSTANTIATE_TEST_SUITE_P(All, ReadableFileTest, testing::Values(Backend::kMemory, Backend::kServer),
                         [](const auto& info) { return std::string(NameOf(info.param)); });

}  // namespace
}  // namespace s3native::tensorflow
