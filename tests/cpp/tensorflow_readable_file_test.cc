// Files that TensorFlow reads, in memory and, where the environment names one, on a server.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "readable_file.h"
#include "support/store_conformance.h"
#include "support/stream_fixture.h"

namespace s3native::tensorflow {
namespace {

constexpr uint64_t kSize = 3'000'000;

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
    const auto got = file_->Read(start, {reinterpret_cast<std::byte*>(text.data()), size});
    EXPECT_TRUE(got.ok()) << got.error().message;
    text.resize(got.ok() ? got.value() : 0);
    return text;
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
  const auto got = file_->Read(kSize - 10, {&byte, 1});
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
  const auto got = opened.value()->Read(0, {&byte, 1});
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().code, ErrorCode::kNotFound);
}

INSTANTIATE_TEST_SUITE_P(All, ReadableFileTest, testing::Values(Backend::kMemory, Backend::kServer),
                         [](const auto& info) { return std::string(NameOf(info.param)); });

}  // namespace
}  // namespace s3native::tensorflow
