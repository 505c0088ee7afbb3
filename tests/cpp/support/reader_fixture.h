// What the tests of readers share: a reader of an object with a pattern, over each store and of
// each kind of access. Thread-safety: none. Ownership: as StreamTest.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "s3native/reader.h"
#include "support/store_conformance.h"
#include "support/stream_fixture.h"

namespace s3native {

inline constexpr uint64_t kWindow = 2 << 20;
inline constexpr uint64_t kBlock = 1 << 20;  // the part size, and so the largest block
inline const std::string& Pattern() {
  static const std::string pattern = PatternBytes((6 << 20) + 123);
  return pattern;
}

inline const char* NameOf(Access access) {
  return access == Access::kAuto ? "Auto" : access == Access::kSequential ? "Sequential" : "Random";
}

inline std::string_view TextOf(const Fetched& view) {
  if (view.size == 0) return {};
  return {reinterpret_cast<const char*>(view.slab->data()) + view.offset, view.size};
}

class ReaderTest : public StreamTest,
                   public testing::WithParamInterface<std::tuple<Backend, Access>> {
 protected:
  void SetUp() override { SetUpOn(std::get<0>(GetParam()), kBlock); }
  void TearDown() override {
    reader_ = nullptr;
    StreamTest::TearDown();
  }

  bool on_server() const { return std::get<0>(GetParam()) == Backend::kServer; }
  Access access() const { return std::get<1>(GetParam()); }

  void Open(const std::string& name, ReaderOptions options = {}) {
    options.access = access();
    if (!options.readahead) options.readahead = kWindow;
    auto opened = client_->OpenReader(Url(name), std::move(options));
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    reader_ = std::move(opened).value();
  }
  // An object of `size` bytes of the pattern, and a reader of it.
  void OpenNew(uint64_t size, ReaderOptions options = {}) {
    content_ = std::string_view(Pattern()).substr(0, size);
    etag_ = Add("object", content_);
    Open("object", std::move(options));
  }
  void Reopen() { Open("object"); }

  Result<std::string> Read(uint64_t start, uint64_t size, ReadKind kind = ReadKind::kNext) {
    std::string text(size, '?');
    const auto got =
        reader_->ReadAt(start, {reinterpret_cast<std::byte*>(text.data()), size}, kind, {});
    if (!got.ok()) return got.error();
    EXPECT_EQ(text.find_first_not_of('?', got.value()), std::string::npos) << "wrote behind";
    text.resize(got.value());
    return text;
  }
  std::string_view Expected(uint64_t start, uint64_t size) const {
    return content_.substr(std::min<uint64_t>(start, content_.size()), size);
  }
  // Not EXPECT_EQ, which would print megabytes.
  void ExpectRead(uint64_t start, uint64_t size, ReadKind kind = ReadKind::kNext) {
    const auto text = Read(start, size, kind);
    ASSERT_TRUE(text.ok()) << text.error().message;
    ASSERT_TRUE(text.value() == Expected(start, size))
        << start << " + " << size << ": " << text.value().size() << " bytes";
  }
  void ExpectView(uint64_t start, uint64_t size) {
    const auto view = reader_->ViewAt(start, size, {});
    ASSERT_TRUE(view.ok()) << view.error().message;
    ASSERT_TRUE(TextOf(view.value()) == Expected(start, size)) << start << " + " << size;
  }
  void ExpectRest(uint64_t start) {
    const auto view = reader_->ViewRest(start, UINT64_MAX, {});
    ASSERT_TRUE(view.ok()) << view.error().message;
    ASSERT_TRUE(TextOf(view.value()) == Expected(start, UINT64_MAX)) << start;
  }
  uint64_t ExpectSome(uint64_t start, uint64_t size) {
    const auto view = reader_->ViewSome(start, size, {});
    EXPECT_TRUE(view.ok());
    if (!view.ok()) return 0;
    EXPECT_TRUE(TextOf(view.value()) == Expected(start, view.value().size)) << start;
    EXPECT_EQ(view.value().size == 0, start >= content_.size());
    return view.value().size;
  }
  void ExpectReadThrough(uint64_t step) {
    for (uint64_t at = 0; at <= content_.size() && !HasFatalFailure(); at += step)
      ExpectRead(at, step);
  }
  void ExpectRefused(const Result<std::string>& text) {
    ASSERT_FALSE(text.ok()) << text.value().size() << " bytes";
    EXPECT_EQ(text.error().code, ErrorCode::kPreconditionFailed) << text.error().message;
  }
  void WillNeed(const std::vector<ByteRange>& ranges) {
    const Status asked = reader_->WillNeed(ranges, {});
    ASSERT_TRUE(asked.ok()) << asked.error().message;
  }
  void RandomStep(std::mt19937* random);

  std::string_view content_;
  std::string etag_;
  std::unique_ptr<Reader> reader_;
};

inline void ReaderTest::RandomStep(std::mt19937* random) {
  static uint64_t next = 0;
  const auto below = [&](uint64_t end) { return (*random)() % end; };
  const uint64_t start = below(3) != 0 ? next : below(content_.size() + 1'000);
  const uint64_t size = 1 + (below(8) == 0 ? below(2 * kBlock) : below(100'000));
  next = std::min<uint64_t>(start + size, content_.size());
  switch (below(6)) {
    case 0:
      return ExpectView(start, size);
    case 1:
      next = start + ExpectSome(start, size);
      return;
    case 2:
      return ExpectRead(start, size, ReadKind::kAlone);
    case 3:
      if (below(4) == 0)
        WillNeed({{start, start + size}, {start / 2, start / 2 + 9}, {below(1'000), 70'000}});
      return;
    default:
      return ExpectRead(start, size);
  }
}

// For INSTANTIATE_TEST_SUITE_P.
inline auto AllReaders() {
  return testing::Combine(testing::Values(Backend::kMemory, Backend::kServer),
                          testing::Values(Access::kAuto, Access::kSequential, Access::kRandom));
}
inline std::string NameOfReader(const testing::TestParamInfo<std::tuple<Backend, Access>>& info) {
  return std::string(NameOf(std::get<0>(info.param))) + NameOf(std::get<1>(info.param));
}

}  // namespace s3native
