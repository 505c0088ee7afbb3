// Conformance of Get and Head.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <future>

#include "support/store_conformance.h"
#include "support/temporary_file.h"

namespace s3native {
namespace {

constexpr uint64_t kMiB = 1ull << 20;

void ExpectError(const Error& error, ErrorCode code, const std::string& operation,
                 const S3Url& url) {
  EXPECT_STREQ(ErrorCodeName(error.code), ErrorCodeName(code)) << error.message;
  EXPECT_EQ(error.operation, operation);
  EXPECT_EQ(error.bucket, url.bucket);
  EXPECT_EQ(error.key, url.key);
  EXPECT_NE(error.message, "");
}

void ReadsWhatWasPut(StoreDriver& s3) {
  const std::string content = PatternBytes(100'000);
  const Result<PutResult> put = s3.Put("a/b.bin", content);
  ASSERT_TRUE(put.ok()) << put.error().message;
  std::string text(content.size(), '\0');
  GetRequest request;
  request.url = s3.Url("a/b.bin");
  request.range = {0, content.size()};
  request.destination = {reinterpret_cast<std::byte*>(text.data()), text.size()};
  const Result<GetResult> got = s3.Get(request);
  ASSERT_TRUE(got.ok()) << got.error().message;
  EXPECT_EQ(text, content);
  EXPECT_EQ(got.value().received, content.size());
  EXPECT_EQ(got.value().info.size, content.size());
  EXPECT_EQ(got.value().info.key, request.url.key);
  EXPECT_EQ(got.value().info.etag, put.value().etag);
  EXPECT_EQ(got.value().info.etag.front(), '"');
  EXPECT_GT(got.value().info.last_modified_ms, 1'600'000'000'000);
}

void ReadsRanges(StoreDriver& s3) {
  const std::string content = PatternBytes(10'000);
  ASSERT_TRUE(s3.Put("k", content).ok());
  for (const ByteRange range : {ByteRange{0, 1}, {9'999, 10'000}, {17, 4'711}, {0, 10'000}}) {
    const Result<std::string> text = s3.Read("k", range);
    ASSERT_TRUE(text.ok()) << range.ToString() << text.error().message;
    EXPECT_EQ(text.value(), content.substr(range.start, *range.end - range.start))
        << range.ToString();
  }
}

void ReadsRangesIntoFiles(StoreDriver& s3) {
  const std::string content = PatternBytes(100'000);
  ASSERT_TRUE(s3.Put("k", content).ok());
  const TemporaryFile file;
  std::string expected;
  for (const ByteRange range : {ByteRange{90'000, 100'000}, {0, 1}, {17, 47'110}}) {
    const uint64_t size = *range.end - range.start;
    GetRequest request{s3.Url("k"), range, {nullptr, size}, "", ""};
    int error = 0;
    request.file = {file.descriptor(), range.start, &error};
    const Result<GetResult> got = s3.Get(request);
    ASSERT_TRUE(got.ok()) << got.error().message;
    EXPECT_EQ(error, 0);
    EXPECT_EQ(got.value().received, size);
    expected.resize(std::max<size_t>(expected.size(), *range.end));
    expected.replace(range.start, size, content, range.start, size);
    EXPECT_EQ(file.Content(), expected);
  }
}

void TellsWhyAFileRefusesARange(StoreDriver& s3) {
  ASSERT_TRUE(s3.Put("k", PatternBytes(100'000)).ok());
  const TemporaryFile file("/dev/full");
  GetRequest request{s3.Url("k"), {0, 100'000}, {nullptr, 100'000}, "", ""};
  int error = 0;
  request.file = {file.descriptor(), 0, &error};
  const Result<GetResult> got = s3.Get(request);
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().code, ErrorCode::kOther);
  EXPECT_EQ(error, ENOSPC);
}

void ReadsOpenEndedRanges(StoreDriver& s3) {
  const std::string content = PatternBytes(10'000);
  ASSERT_TRUE(s3.Put("k", content).ok());
  for (uint64_t start : {0, 5'000, 9'999}) {
    const Result<std::string> text = s3.Read("k", {start, std::nullopt});
    ASSERT_TRUE(text.ok()) << text.error().message;
    EXPECT_EQ(text.value(), content.substr(start));
  }
}

void CutsRangesAtTheEndOfTheObject(StoreDriver& s3) {
  ASSERT_TRUE(s3.Put("k", "0123456789").ok());
  std::string text(100, '.');
  GetRequest request;
  request.url = s3.Url("k");
  request.range = {4, 64};
  request.destination = {reinterpret_cast<std::byte*>(text.data()), text.size()};
  const Result<GetResult> got = s3.Get(request);
  ASSERT_TRUE(got.ok()) << got.error().message;
  EXPECT_EQ(got.value().received, 6u);
  EXPECT_EQ(got.value().info.size, 10u);
  EXPECT_EQ(text, "456789" + std::string(94, '.'));
}

void RefusesRangesBehindTheEnd(StoreDriver& s3) {
  ASSERT_TRUE(s3.Put("k", "0123456789").ok());
  for (const ByteRange range : {ByteRange{10, 20}, {11, 12}, {10, std::nullopt}}) {
    const Result<std::string> text = s3.Read("k", range);
    ASSERT_FALSE(text.ok()) << range.ToString();
    ExpectError(text.error(), ErrorCode::kRange, "GetObject", s3.Url("k"));
    EXPECT_EQ(text.error().http_status, 416);
    EXPECT_EQ(text.error().range, range.ToString());
  }
}

void ReadsEmptyObjects(StoreDriver& s3) {
  ASSERT_TRUE(s3.Put("empty", "").ok());
  const Result<ObjectInfo> info = s3.Head("empty");
  ASSERT_TRUE(info.ok()) << info.error().message;
  EXPECT_EQ(info.value().size, 0u);
  const Result<std::string> text = s3.Read("empty", {0, 10});
  ASSERT_TRUE(text.ok()) << text.error().message;
  EXPECT_EQ(text.value(), "");
  const Result<std::string> behind = s3.Read("empty", {1, 10});
  ASSERT_FALSE(behind.ok());
  ExpectError(behind.error(), ErrorCode::kRange, "GetObject", s3.Url("empty"));
}

void RefusesSmallDestinations(StoreDriver& s3) {
  ASSERT_TRUE(s3.Put("k", "0123456789").ok());
  std::string text(10, '.');
  GetRequest request;
  request.url = s3.Url("k");
  request.range = {0, 10};
  request.destination = {reinterpret_cast<std::byte*>(text.data()), 5};
  const Result<GetResult> got = s3.Get(request);
  ASSERT_FALSE(got.ok());
  EXPECT_STREQ(ErrorCodeName(got.error().code), "InvalidArgument");
  EXPECT_EQ(text.substr(5), ".....");
}

void ReportsWhatIsMissing(StoreDriver& s3) {
  const Result<std::string> text = s3.Read("missing", {0, 10});
  ASSERT_FALSE(text.ok());
  ExpectError(text.error(), ErrorCode::kNotFound, "GetObject", s3.Url("missing"));
  EXPECT_EQ(text.error().http_status, 404);
  const Result<ObjectInfo> info = s3.Head("missing");
  ASSERT_FALSE(info.ok());
  ExpectError(info.error(), ErrorCode::kNotFound, "HeadObject", s3.Url("missing"));
}

void ReportsMissingBuckets(StoreDriver& s3) {
  const S3Url url = {"no-such-bucket-7f3a9c", "k"};
  std::string text(10, '.');
  const MutableBytes destination = {reinterpret_cast<std::byte*>(text.data()), text.size()};
  const Result<GetResult> got = s3.Get({url, {0, 10}, destination, "", ""});
  ASSERT_FALSE(got.ok());
  ExpectError(got.error(), ErrorCode::kNotFound, "GetObject", url);
}

void ReadsOnlyTheObjectThatIfMatchNames(StoreDriver& s3) {
  const Result<PutResult> old = s3.Put("k", "old content");
  ASSERT_TRUE(old.ok());
  const Result<std::string> text = s3.Read("k", {0, 3}, old.value().etag);
  ASSERT_TRUE(text.ok()) << text.error().message;
  EXPECT_EQ(text.value(), "old");
  ASSERT_TRUE(s3.Put("k", "new content").ok());
  const Result<std::string> stale = s3.Read("k", {0, 3}, old.value().etag);
  ASSERT_FALSE(stale.ok());
  ExpectError(stale.error(), ErrorCode::kPreconditionFailed, "GetObject", s3.Url("k"));
}

void HeadSaysHowTheObjectIsStored(StoreDriver& s3) {
  PutOptions options;
  options.content_type = "application/x-recordio";
  options.content_encoding = "zstd";
  options.metadata = {{"epoch", "7"}, {"run", "a b"}};
  const Result<PutResult> put = s3.Put("k", "12345", options);
  ASSERT_TRUE(put.ok()) << put.error().message;
  const Result<ObjectInfo> info = s3.Head("k");
  ASSERT_TRUE(info.ok()) << info.error().message;
  EXPECT_EQ(info.value().key, s3.Url("k").key);
  EXPECT_EQ(info.value().size, 5u);
  EXPECT_EQ(info.value().etag, put.value().etag);
  EXPECT_EQ(info.value().content_type, "application/x-recordio");
  EXPECT_EQ(info.value().content_encoding, "zstd");
  EXPECT_EQ(info.value().metadata, options.metadata);
  EXPECT_GT(info.value().last_modified_ms, 1'600'000'000'000);
}

// More than one part of any sensible part size.
void ReadsLargeRangesWhole(StoreDriver& s3) {
  const std::string content = PatternBytes(20 * kMiB + 12'345);
  ASSERT_TRUE(s3.Put("large", content).ok());
  const Result<std::string> whole = s3.Read("large", {0, content.size()});
  ASSERT_TRUE(whole.ok()) << whole.error().message;
  EXPECT_TRUE(whole.value() == content);
  const Result<std::string> middle = s3.Read("large", {1, 18 * kMiB + 1});
  ASSERT_TRUE(middle.ok()) << middle.error().message;
  EXPECT_TRUE(middle.value() == content.substr(1, 18 * kMiB));
}

// Dropping an operation does not cancel it.
void ServesManyAtOnce(StoreDriver& s3) {
  constexpr size_t kRequests = 64, kSize = 1'000;
  const std::string content = PatternBytes(kRequests * kSize);
  ASSERT_TRUE(s3.Put("k", content).ok());
  std::string text(content.size(), '\0');
  std::vector<std::promise<Result<GetResult>>> promises(kRequests);
  for (size_t i = 0; i < kRequests; ++i) {
    GetRequest request;
    request.url = s3.Url("k");
    request.range = {i * kSize, (i + 1) * kSize};
    request.destination = {reinterpret_cast<std::byte*>(text.data()) + i * kSize, kSize};
    s3.store().Get(std::move(request),
                   [&, i](Result<GetResult> got) { promises[i].set_value(std::move(got)); });
  }
  for (auto& promise : promises) EXPECT_TRUE(promise.get_future().get().ok());
  EXPECT_TRUE(text == content);
}

void CancelStillCompletesOnce(StoreDriver& s3) {
  const std::string content = PatternBytes(4 * kMiB);
  ASSERT_TRUE(s3.Put("k", content).ok());
  std::string text(content.size(), '\0');
  std::promise<Result<GetResult>> promise;
  std::atomic<int> completions{0};
  GetRequest request;
  request.url = s3.Url("k");
  request.range = {0, content.size()};
  request.destination = {reinterpret_cast<std::byte*>(text.data()), text.size()};
  const OperationPtr operation = s3.store().Get(request, [&](Result<GetResult> got) {
    if (completions++ == 0) promise.set_value(std::move(got));
  });
  operation->Cancel();
  const Result<GetResult> got = promise.get_future().get();
  if (got.ok()) {
    EXPECT_TRUE(text == content);
  } else {
    EXPECT_STREQ(ErrorCodeName(got.error().code), "Cancelled") << got.error().message;
  }
  operation->Cancel();  // too late: nothing happens
  EXPECT_EQ(completions, 1);
}

// Only where buckets keep versions.
void ReadsOldVersions(StoreDriver& s3) {
  const Result<PutResult> old = s3.Put("k", "old");
  ASSERT_TRUE(old.ok());
  if (old.value().version_id.empty() || old.value().version_id == "null") return;
  const Result<PutResult> latest = s3.Put("k", "latest");
  ASSERT_TRUE(latest.ok());
  EXPECT_NE(old.value().version_id, latest.value().version_id);
  EXPECT_EQ(s3.Read("k", {0, 10}, "", old.value().version_id).value(), "old");
  EXPECT_EQ(s3.Head("k").value().version_id, latest.value().version_id);
  ASSERT_TRUE(s3.Delete("k").ok());
  EXPECT_FALSE(s3.Head("k").ok());
  EXPECT_EQ(s3.Read("k", {0, 10}, "", latest.value().version_id).value(), "latest");
  ASSERT_TRUE(s3.Delete("k", old.value().version_id).ok());
  EXPECT_FALSE(s3.Head("k", old.value().version_id).ok());
}

}  // namespace

std::vector<ConformanceTest> ReadConformanceTests() {
  return {{"ReadsWhatWasPut", ReadsWhatWasPut},
          {"ReadsRanges", ReadsRanges},
          {"ReadsRangesIntoFiles", ReadsRangesIntoFiles},
          {"TellsWhyAFileRefusesARange", TellsWhyAFileRefusesARange},
          {"ReadsOpenEndedRanges", ReadsOpenEndedRanges},
          {"CutsRangesAtTheEndOfTheObject", CutsRangesAtTheEndOfTheObject},
          {"RefusesRangesBehindTheEnd", RefusesRangesBehindTheEnd},
          {"ReadsEmptyObjects", ReadsEmptyObjects},
          {"RefusesSmallDestinations", RefusesSmallDestinations},
          {"ReportsWhatIsMissing", ReportsWhatIsMissing},
          {"ReportsMissingBuckets", ReportsMissingBuckets},
          {"ReadsOnlyTheObjectThatIfMatchNames", ReadsOnlyTheObjectThatIfMatchNames},
          {"HeadSaysHowTheObjectIsStored", HeadSaysHowTheObjectIsStored},
          {"ReadsLargeRangesWhole", ReadsLargeRangesWhole},
          {"ServesManyAtOnce", ServesManyAtOnce},
          {"CancelStillCompletesOnce", CancelStillCompletesOnce},
          {"ReadsOldVersions", ReadsOldVersions}};
}

}  // namespace s3native
