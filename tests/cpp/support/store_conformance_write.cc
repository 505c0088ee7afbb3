// Conformance of Put, Delete, DeleteMany and Copy.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "checksum_text.h"
#include "s3native/checksums.h"
#include "support/store_conformance.h"

namespace s3native {
namespace {

void ExpectCode(const Error& error, ErrorCode code) {
  EXPECT_STREQ(ErrorCodeName(error.code), ErrorCodeName(code)) << error.message;
}

PutOptions IfNoneMatch() {
  PutOptions options;
  options.if_none_match = true;
  return options;
}

PutOptions IfMatch(const std::string& etag) {
  PutOptions options;
  options.if_match = etag;
  return options;
}

void PutOverwrites(StoreDriver& s3) {
  const Result<PutResult> first = s3.Put("k", "first");
  const Result<PutResult> second = s3.Put("k", "second");
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_NE(first.value().etag, second.value().etag);
  EXPECT_EQ(s3.Read("k", {0, 10}).value(), "second");
}

void PutTakesEveryKey(StoreDriver& s3) {
  const std::vector<std::string> keys = {"a b", "a+b",    "a%20b",     "q?x=1&y=2",
                                         "h#f", "<&>\"'", "ä/日本/🚀", "=@:,;$!*()[]{}"};
  for (const std::string& key : keys) {
    const Result<PutResult> put = s3.Put(key, "content of " + key);
    ASSERT_TRUE(put.ok()) << key << ": " << put.error().message;
  }
  for (const std::string& key : keys) {
    EXPECT_EQ(s3.Read(key, {0, 1000}).value(), "content of " + key);
    EXPECT_TRUE(s3.Delete(key).ok()) << key;
    EXPECT_FALSE(s3.Head(key).ok()) << key;
  }
}

void PutIfNoneMatchKeepsWhatIsThere(StoreDriver& s3) {
  ASSERT_TRUE(s3.Put("k", "mine", IfNoneMatch()).ok());
  const Result<PutResult> again = s3.Put("k", "yours", IfNoneMatch());
  ASSERT_FALSE(again.ok());
  ExpectCode(again.error(), ErrorCode::kPreconditionFailed);
  EXPECT_EQ(again.error().operation, "PutObject");
  EXPECT_EQ(s3.Read("k", {0, 10}).value(), "mine");
}

void PutIfMatchReplacesOnlyWhatItNames(StoreDriver& s3) {
  const Result<PutResult> first = s3.Put("k", "first");
  ASSERT_TRUE(first.ok());
  const Result<PutResult> second = s3.Put("k", "second", IfMatch(first.value().etag));
  ASSERT_TRUE(second.ok()) << second.error().message;
  const Result<PutResult> third = s3.Put("k", "third", IfMatch(first.value().etag));
  ASSERT_FALSE(third.ok());
  ExpectCode(third.error(), ErrorCode::kPreconditionFailed);
  EXPECT_EQ(s3.Read("k", {0, 10}).value(), "second");
}

void PutVerifiesTheChecksum(StoreDriver& s3) {
  const std::string content = "123456789";
  const std::string crc = Crc64ToBase64(Crc64Nvme(content.data(), content.size()));
  EXPECT_EQ(crc, "rosUhgp5mIg=");
  const Result<PutResult> put = s3.Put("good", content, {}, crc);
  ASSERT_TRUE(put.ok()) << put.error().message;
  const Result<PutResult> bad = s3.Put("bad", content, {}, Crc64ToBase64(42));
  ASSERT_FALSE(bad.ok());
  ExpectCode(bad.error(), ErrorCode::kIntegrity);
  EXPECT_FALSE(s3.Head("bad").ok());
}

void PutToMissingBucketFails(StoreDriver& s3) {
  PutRequest request;
  request.url = {"no-such-bucket-7f3a9c", "k"};
  request.body = BytesOf("x");
  const Result<PutResult> put =
      WaitFor<PutResult>([&](auto done) { return s3.store().Put(request, std::move(done)); });
  ASSERT_FALSE(put.ok());
  ExpectCode(put.error(), ErrorCode::kNotFound);
}

void DeleteRemovesAndIsIdempotent(StoreDriver& s3) {
  ASSERT_TRUE(s3.Put("k", "x").ok());
  EXPECT_TRUE(s3.Delete("k").ok());
  EXPECT_FALSE(s3.Head("k").ok());
  EXPECT_TRUE(s3.Delete("k").ok());
  EXPECT_TRUE(s3.Delete("never-there").ok());
}

void DeleteManyRemovesAll(StoreDriver& s3) {
  std::vector<std::string> keys;
  for (const char* key : {"a", "b c", "<d>&", "日本"}) {
    ASSERT_TRUE(s3.Put(key, "x").ok());
    keys.push_back(s3.Url(key).key);
  }
  ASSERT_TRUE(s3.Put("kept", "x").ok());
  keys.push_back(s3.Url("never-there").key);
  const Result<std::vector<DeleteError>> errors = s3.DeleteMany(keys);
  ASSERT_TRUE(errors.ok()) << errors.error().message;
  EXPECT_TRUE(errors.value().empty());
  for (const char* key : {"a", "b c", "<d>&", "日本"}) EXPECT_FALSE(s3.Head(key).ok()) << key;
  EXPECT_TRUE(s3.Head("kept").ok());
}

void CopyKeepsContentAndMetadata(StoreDriver& s3) {
  PutOptions options;
  options.content_type = "text/x-source";
  options.metadata = {{"who", "source"}};
  ASSERT_TRUE(s3.Put("a b+ä", "content", options).ok());
  CopyRequest request;
  request.source = s3.Url("a b+ä");
  request.url = s3.Url("copy");
  const Result<PutResult> copied = s3.Copy(request);
  ASSERT_TRUE(copied.ok()) << copied.error().message;
  EXPECT_EQ(s3.Read("copy", {0, 10}).value(), "content");
  const ObjectInfo info = s3.Head("copy").value();
  EXPECT_EQ(info.etag, copied.value().etag);
  EXPECT_EQ(info.content_type, "text/x-source");
  EXPECT_EQ(info.metadata, options.metadata);
}

void CopyReplacesMetadataWhenAsked(StoreDriver& s3) {
  PutOptions options;
  options.metadata = {{"who", "source"}};
  ASSERT_TRUE(s3.Put("source", "content", options).ok());
  CopyRequest request;
  request.source = s3.Url("source");
  request.url = s3.Url("copy");
  request.replace_metadata = true;
  request.options.content_type = "text/x-copy";
  request.options.metadata = {{"by", "copy"}};
  ASSERT_TRUE(s3.Copy(request).ok());
  const ObjectInfo info = s3.Head("copy").value();
  EXPECT_EQ(info.content_type, "text/x-copy");
  EXPECT_EQ(info.metadata, request.options.metadata);
}

void CopyTakesOnlyTheSourceThatItNames(StoreDriver& s3) {
  const Result<PutResult> old = s3.Put("source", "old");
  ASSERT_TRUE(old.ok());
  ASSERT_TRUE(s3.Put("source", "new").ok());
  CopyRequest request;
  request.source = s3.Url("source");
  request.source_etag = old.value().etag;
  request.url = s3.Url("copy");
  const Result<PutResult> stale = s3.Copy(request);
  ASSERT_FALSE(stale.ok());
  ExpectCode(stale.error(), ErrorCode::kPreconditionFailed);
  EXPECT_FALSE(s3.Head("copy").ok());
  request.source = s3.Url("missing");
  request.source_etag = "";
  const Result<PutResult> missing = s3.Copy(request);
  ASSERT_FALSE(missing.ok());
  ExpectCode(missing.error(), ErrorCode::kNotFound);
}

}  // namespace

std::vector<ConformanceTest> WriteConformanceTests() {
  return {{"PutOverwrites", PutOverwrites},
          {"PutTakesEveryKey", PutTakesEveryKey},
          {"PutIfNoneMatchKeepsWhatIsThere", PutIfNoneMatchKeepsWhatIsThere},
          {"PutIfMatchReplacesOnlyWhatItNames", PutIfMatchReplacesOnlyWhatItNames},
          {"PutVerifiesTheChecksum", PutVerifiesTheChecksum},
          {"PutToMissingBucketFails", PutToMissingBucketFails},
          {"DeleteRemovesAndIsIdempotent", DeleteRemovesAndIsIdempotent},
          {"DeleteManyRemovesAll", DeleteManyRemovesAll},
          {"CopyKeepsContentAndMetadata", CopyKeepsContentAndMetadata},
          {"CopyReplacesMetadataWhenAsked", CopyReplacesMetadataWhenAsked},
          {"CopyTakesOnlyTheSourceThatItNames", CopyTakesOnlyTheSourceThatItNames}};
}

}  // namespace s3native
