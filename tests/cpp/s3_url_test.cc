#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "s3native/object.h"

namespace s3native {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string ErrorOf(const std::string& url) {
  const Result<S3Url> result = ParseS3Url(url);
  if (result.ok()) return "accepted";
  EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
  return result.error().message;
}

TEST(ParseS3Url, SplitsBucketAndKey) {
  const Result<S3Url> url = ParseS3Url("s3://bucket/a/b.txt");
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url.value().bucket, "bucket");
  EXPECT_EQ(url.value().key, "a/b.txt");
  EXPECT_EQ(url.value().ToString(), "s3://bucket/a/b.txt");
}

TEST(ParseS3Url, TakesBucketAlone) {
  for (const char* text : {"s3://bucket", "s3://bucket/"}) {
    const Result<S3Url> url = ParseS3Url(text);
    ASSERT_TRUE(url.ok()) << text;
    EXPECT_EQ(url.value().bucket, "bucket");
    EXPECT_EQ(url.value().key, "");
  }
}

TEST(ParseS3Url, TakesTheKeyLiterally) {
  for (const std::string key : {"/lead", "a//b", "q?x=1", "h#f", "100%", "%20", "a b", "a+b",
                                "ä/日本", "..", "./x", "x/", "s3://inner/key", "\n", "\xff\xfe"}) {
    const Result<S3Url> url = ParseS3Url("s3://bucket/" + key);
    ASSERT_TRUE(url.ok()) << key;
    EXPECT_EQ(url.value().key, key);
  }
  const std::string nul("a\0b", 3);
  const Result<S3Url> url = ParseS3Url("s3://bucket/" + nul);
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url.value().key, nul);
}

TEST(ParseS3Url, TakesEveryBucketNameThatExists) {
  for (const std::string bucket : {"abc", "a.b.c", "Legacy_Upper", "my-bucket-1"}) {
    EXPECT_TRUE(ParseS3Url("s3://" + bucket + "/k").ok()) << bucket;
  }
  EXPECT_TRUE(ParseS3Url("s3://" + std::string(63, 'a') + "/k").ok());
}

TEST(ParseS3Url, RefusesOtherSchemesNamingTheUrl) {
  EXPECT_EQ(ErrorOf("gs://bucket/key"),
            "bad URL \"gs://bucket/key\": it must start with s3://, as in s3://bucket/key");
  EXPECT_THAT(ErrorOf("bucket/key"), HasSubstr("\"bucket/key\": it must start with s3://"));
  EXPECT_THAT(ErrorOf("s3:/bucket/key"), HasSubstr("it must start with s3://"));
  EXPECT_THAT(ErrorOf("S3://bucket/key"), HasSubstr("it must start with s3://"));
  EXPECT_THAT(ErrorOf(""), HasSubstr("bad URL \"\": it must start with s3://"));
}

TEST(ParseS3Url, RefusesBadBuckets) {
  EXPECT_EQ(ErrorOf("s3://"),
            "bad URL \"s3://\": the bucket name is empty; expected s3://bucket/key");
  EXPECT_EQ(ErrorOf("s3:///key"),
            "bad URL \"s3:///key\": the bucket name is empty; expected s3://bucket/key");
  EXPECT_EQ(ErrorOf("s3://ab/key"),
            "bad URL \"s3://ab/key\": the bucket name must be 3 to 63 bytes long");
  EXPECT_THAT(ErrorOf("s3://" + std::string(64, 'a')), HasSubstr("3 to 63 bytes"));
  for (const std::string bucket :
       {"user@host", "host:9000", "a b c", "bücket", "buck?et", "a%2fb"}) {
    EXPECT_THAT(ErrorOf("s3://" + bucket + "/key"), HasSubstr("only letters, digits")) << bucket;
  }
}

TEST(ParseS3Url, RefusesKeysOverTheLimit) {
  EXPECT_TRUE(ParseS3Url("s3://bucket/" + std::string(1024, 'k')).ok());
  const std::string message = ErrorOf("s3://bucket/" + std::string(1025, 'k'));
  EXPECT_THAT(message, HasSubstr("1025 bytes long; S3 allows at most 1024"));
  EXPECT_LT(message.size(), 320u);
}

TEST(ParseS3Url, QuotesNoSecretsOfOtherUrlsAndNoControlBytes) {
  const std::string presigned =
      ErrorOf("https://bucket.s3.amazonaws.com/key?X-Amz-Signature=abcdef");
  EXPECT_THAT(presigned, Not(HasSubstr("abcdef")));
  EXPECT_THAT(presigned, HasSubstr("bucket.s3.amazonaws.com/key"));
  EXPECT_THAT(ErrorOf("https://user:hunter2@host/key"), Not(HasSubstr("hunter2")));
  EXPECT_THAT(ErrorOf("s3://a\nb/key"), HasSubstr("a\\x0ab"));
  EXPECT_THAT(ErrorOf("s3://AKIA:hunter2@bucket/key"), Not(HasSubstr("hunter2")));
  EXPECT_THAT(ErrorOf("https://user:hun?ter2@host/key"), Not(HasSubstr("hun")));
}

TEST(ParseS3Url, QuotesLongUrlsUpToAWholeCharacter) {
  std::string url = "gs://b/";
  for (int i = 0; i < 100; ++i) url += "\u65e5";  // three bytes each
  std::string shown = "gs://b/";
  for (int i = 0; i < 64; ++i) shown += "\u65e5";
  EXPECT_THAT(ErrorOf(url), HasSubstr("\"" + shown + "...\""));
}

TEST(ParseObjectUrl, NeedsAKey) {
  EXPECT_TRUE(ParseObjectUrl("s3://bucket/k").ok());
  for (const char* text : {"s3://bucket", "s3://bucket/"}) {
    const Result<S3Url> url = ParseObjectUrl(text);
    ASSERT_FALSE(url.ok());
    EXPECT_EQ(url.error().message,
              "bad URL \"" + std::string(text) + "\": the key is empty; expected s3://bucket/key");
  }
  EXPECT_FALSE(ParseObjectUrl("http://bucket/k").ok());
}

}  // namespace
}  // namespace s3native
