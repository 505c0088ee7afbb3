// Conformance of multipart uploads.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "checksum_text.h"
#include "s3native/checksums.h"
#include "support/store_conformance.h"

namespace s3native {
namespace {

constexpr size_t kPartSize = 5u << 20;  // the least that S3 takes

void ExpectCode(const Error& error, ErrorCode code) {
  EXPECT_STREQ(ErrorCodeName(error.code), ErrorCodeName(code)) << error.message;
}

CompleteUploadRequest CompletionOf(StoreDriver& s3, const std::string& key,
                                   const std::string& upload_id, std::vector<CompletedPart> parts) {
  CompleteUploadRequest request;
  request.url = s3.Url(key);
  request.upload_id = upload_id;
  request.parts = std::move(parts);
  return request;
}

// An upload of one part, ready to be completed.
struct SmallUpload {
  explicit SmallUpload(StoreDriver& s3, const std::string& key, std::string_view content) {
    upload_id = s3.CreateUpload(key).value();
    part = s3.UploadPart(key, upload_id, 1, content).value();
  }
  std::string upload_id;
  CompletedPart part;
};

void UploadsPartsInAnyOrder(StoreDriver& s3) {
  const std::string content = PatternBytes(kPartSize + 1'000);
  PutOptions options;
  options.content_type = "application/x-parts";
  options.metadata = {{"step", "9"}};
  const Result<std::string> upload_id = s3.CreateUpload("k", options);
  ASSERT_TRUE(upload_id.ok()) << upload_id.error().message;
  const auto second =
      s3.UploadPart("k", upload_id.value(), 2, std::string_view(content).substr(kPartSize));
  const auto first =
      s3.UploadPart("k", upload_id.value(), 1, std::string_view(content).substr(0, kPartSize));
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(second.value().part_number, 2);
  EXPECT_FALSE(s3.Head("k").ok()) << "visible before it is complete";
  const Result<PutResult> put =
      s3.CompleteUpload(CompletionOf(s3, "k", upload_id.value(), {first.value(), second.value()}));
  ASSERT_TRUE(put.ok()) << put.error().message;
  EXPECT_TRUE(s3.Read("k", {0, content.size()}).value() == content);
  const ObjectInfo info = s3.Head("k").value();
  EXPECT_EQ(info.size, content.size());
  EXPECT_EQ(info.etag, put.value().etag);
  EXPECT_EQ(info.content_type, "application/x-parts");
  EXPECT_EQ(info.metadata, options.metadata);
}

void UploadsWithAFullObjectChecksum(StoreDriver& s3) {
  const std::string content = "123456789";
  const std::string crc = Crc64ToBase64(Crc64Nvme(content.data(), content.size()));
  for (const bool right : {true, false}) {
    const Result<std::string> upload_id = s3.CreateUpload("k", {}, true);
    ASSERT_TRUE(upload_id.ok()) << upload_id.error().message;
    const auto part = s3.UploadPart("k", upload_id.value(), 1, content, crc);
    ASSERT_TRUE(part.ok()) << part.error().message;
    CompleteUploadRequest request = CompletionOf(s3, "k", upload_id.value(), {part.value()});
    request.checksum_crc64nvme = right ? crc : Crc64ToBase64(42);
    request.object_size = content.size();
    const Result<PutResult> put = s3.CompleteUpload(request);
    EXPECT_EQ(put.ok(), right);
    if (!right) {
      EXPECT_TRUE(s3.AbortUpload("k", upload_id.value()).ok());
    }
  }
}

void RefusesPartsWithAWrongChecksum(StoreDriver& s3) {
  const Result<std::string> upload_id = s3.CreateUpload("k", {}, true);
  ASSERT_TRUE(upload_id.ok());
  const auto part = s3.UploadPart("k", upload_id.value(), 1, "content", Crc64ToBase64(42));
  ASSERT_FALSE(part.ok());
  ExpectCode(part.error(), ErrorCode::kIntegrity);
  EXPECT_TRUE(s3.AbortUpload("k", upload_id.value()).ok());
}

void AReplacedPartCountsOnce(StoreDriver& s3) {
  const SmallUpload upload(s3, "k", "first");
  const auto again = s3.UploadPart("k", upload.upload_id, 1, "second");
  ASSERT_TRUE(again.ok());
  ASSERT_TRUE(s3.CompleteUpload(CompletionOf(s3, "k", upload.upload_id, {again.value()})).ok());
  EXPECT_EQ(s3.Read("k", {0, 10}).value(), "second");
}

void RefusesPartsItDoesNotHave(StoreDriver& s3) {
  const SmallUpload upload(s3, "k", "content");
  CompletedPart wrong = upload.part;
  wrong.etag = "\"00000000000000000000000000000000\"";
  EXPECT_FALSE(s3.CompleteUpload(CompletionOf(s3, "k", upload.upload_id, {wrong})).ok());
  CompletedPart missing = upload.part;
  missing.part_number = 2;
  EXPECT_FALSE(s3.CompleteUpload(CompletionOf(s3, "k", upload.upload_id, {missing})).ok());
  EXPECT_FALSE(s3.Head("k").ok());
  EXPECT_TRUE(s3.AbortUpload("k", upload.upload_id).ok());
}

void RefusesSmallPartsButTheLast(StoreDriver& s3) {
  const SmallUpload upload(s3, "k", "content");
  const auto second = s3.UploadPart("k", upload.upload_id, 2, "more");
  ASSERT_TRUE(second.ok());
  const Result<PutResult> put =
      s3.CompleteUpload(CompletionOf(s3, "k", upload.upload_id, {upload.part, second.value()}));
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(put.error().s3_code, "EntityTooSmall");
  EXPECT_EQ(put.error().operation, "CompleteMultipartUpload");
  EXPECT_TRUE(s3.AbortUpload("k", upload.upload_id).ok());
}

void CompletesConditionally(StoreDriver& s3) {
  ASSERT_TRUE(s3.Put("k", "there first").ok());
  const SmallUpload upload(s3, "k", "late");
  CompleteUploadRequest request = CompletionOf(s3, "k", upload.upload_id, {upload.part});
  request.options.if_none_match = true;
  const Result<PutResult> put = s3.CompleteUpload(request);
  ASSERT_FALSE(put.ok());
  ExpectCode(put.error(), ErrorCode::kPreconditionFailed);
  EXPECT_EQ(s3.Read("k", {0, 20}).value(), "there first");
  EXPECT_TRUE(s3.AbortUpload("k", upload.upload_id).ok());
}

void AbortForgetsTheUpload(StoreDriver& s3) {
  const SmallUpload upload(s3, "k", "content");
  ASSERT_TRUE(s3.AbortUpload("k", upload.upload_id).ok());
  const auto part = s3.UploadPart("k", upload.upload_id, 1, "late");
  ASSERT_FALSE(part.ok());
  ExpectCode(part.error(), ErrorCode::kNotFound);
  const Result<PutResult> put =
      s3.CompleteUpload(CompletionOf(s3, "k", upload.upload_id, {upload.part}));
  ASSERT_FALSE(put.ok());
  ExpectCode(put.error(), ErrorCode::kNotFound);
  EXPECT_FALSE(s3.Head("k").ok());
}

void ListsPendingUploads(StoreDriver& s3) {
  const SmallUpload upload(s3, "k", "content");
  const Result<UploadsPage> page = s3.ListUploads("k");
  ASSERT_TRUE(page.ok()) << page.error().message;
  ASSERT_EQ(page.value().uploads.size(), 1u);
  EXPECT_EQ(page.value().uploads[0].key, s3.Url("k").key);
  EXPECT_EQ(page.value().uploads[0].upload_id, upload.upload_id);
  EXPECT_GT(page.value().uploads[0].initiated_ms, 1'600'000'000'000);
  EXPECT_EQ(page.value().next_key_marker, "");
  ASSERT_TRUE(s3.AbortUpload("k", upload.upload_id).ok());
  EXPECT_TRUE(s3.ListUploads("k").value().uploads.empty());
}

void ListsParts(StoreDriver& s3) {
  const std::string upload_id = s3.CreateUpload("k").value();
  EXPECT_TRUE(s3.ListParts("k", upload_id).value().parts.empty());
  const CompletedPart second = s3.UploadPart("k", upload_id, 2, "second").value();
  const CompletedPart first = s3.UploadPart("k", upload_id, 1, "first").value();
  const Result<PartsPage> page = s3.ListParts("k", upload_id);
  ASSERT_TRUE(page.ok()) << page.error().message;
  ASSERT_EQ(page.value().parts.size(), 2u);
  EXPECT_EQ(page.value().parts[0].part_number, 1);
  EXPECT_EQ(page.value().parts[0].etag, first.etag);
  EXPECT_EQ(page.value().parts[1].etag, second.etag);
  EXPECT_EQ(page.value().next_part_number_marker, 0);
  const PartsPage rest = s3.ListParts("k", upload_id, 1).value();
  ASSERT_EQ(rest.parts.size(), 1u);
  EXPECT_EQ(rest.parts[0].part_number, 2);
  ASSERT_TRUE(s3.AbortUpload("k", upload_id).ok());
  const Result<PartsPage> gone = s3.ListParts("k", upload_id);
  ASSERT_FALSE(gone.ok());
  ExpectCode(gone.error(), ErrorCode::kNotFound);
}

void CopiesRangesIntoParts(StoreDriver& s3) {
  const std::string content = PatternBytes(kPartSize + 5'000);
  const Result<PutResult> source = s3.Put("source", content);
  ASSERT_TRUE(source.ok());
  const std::string upload_id = s3.CreateUpload("copy").value();
  UploadPartCopyRequest request;
  request.source = s3.Url("source");
  request.source_etag = source.value().etag;
  request.url = s3.Url("copy");
  request.upload_id = upload_id;
  request.range = {0, kPartSize};
  const auto first = s3.UploadPartCopy(request);
  request.part_number = 2;
  request.range = {kPartSize, content.size()};
  const auto second = s3.UploadPartCopy(request);
  ASSERT_TRUE(first.ok() && second.ok());
  ASSERT_TRUE(
      s3.CompleteUpload(CompletionOf(s3, "copy", upload_id, {first.value(), second.value()})).ok());
  EXPECT_TRUE(s3.Read("copy", {0, content.size()}).value() == content);
}

void CopiesOnlyFromTheSourceItNames(StoreDriver& s3) {
  ASSERT_TRUE(s3.Put("source", "new content").ok());
  const std::string upload_id = s3.CreateUpload("copy").value();
  UploadPartCopyRequest request;
  request.source = s3.Url("source");
  request.source_etag = "\"00000000000000000000000000000000\"";
  request.url = s3.Url("copy");
  request.upload_id = upload_id;
  request.range = {0, 3};
  const auto part = s3.UploadPartCopy(request);
  ASSERT_FALSE(part.ok());
  ExpectCode(part.error(), ErrorCode::kPreconditionFailed);
  EXPECT_TRUE(s3.AbortUpload("copy", upload_id).ok());
}

}  // namespace

std::vector<ConformanceTest> UploadConformanceTests() {
  return {{"UploadsPartsInAnyOrder", UploadsPartsInAnyOrder},
          {"UploadsWithAFullObjectChecksum", UploadsWithAFullObjectChecksum},
          {"RefusesPartsWithAWrongChecksum", RefusesPartsWithAWrongChecksum},
          {"AReplacedPartCountsOnce", AReplacedPartCountsOnce},
          {"RefusesPartsItDoesNotHave", RefusesPartsItDoesNotHave},
          {"RefusesSmallPartsButTheLast", RefusesSmallPartsButTheLast},
          {"CompletesConditionally", CompletesConditionally},
          {"AbortForgetsTheUpload", AbortForgetsTheUpload},
          {"ListsPendingUploads", ListsPendingUploads},
          {"ListsParts", ListsParts},
          {"CopiesRangesIntoParts", CopiesRangesIntoParts},
          {"CopiesOnlyFromTheSourceItNames", CopiesOnlyFromTheSourceItNames}};
}

}  // namespace s3native
