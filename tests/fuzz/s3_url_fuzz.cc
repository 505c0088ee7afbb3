// Properties of ParseS3Url.
#include <algorithm>
#include <string>

#include "ascii.h"
#include "fuzz.h"
#include "s3native/object.h"

namespace s3native::fuzz {
namespace {

void CheckParsed(std::string_view text, const S3Url& url) {
  const std::string printed = url.ToString();
  const Result<S3Url> again = ParseS3Url(printed);
  Require(again.ok(), "a parsed URL, printed, parses");
  Require(again.value().bucket == url.bucket && again.value().key == url.key,
          "a parsed URL, printed and parsed, is the same");
  Require(printed == text || printed == std::string(text) + "/", "nothing of the URL is lost");
  Require(url.bucket.size() >= 3 && url.bucket.size() <= 63, "the bucket's size is in bounds");
  Require(url.bucket.find('/') == std::string::npos, "a bucket has no slash");
  Require(url.key.size() <= 1024, "the key's size is in bounds");
  Require(ParseObjectUrl(text).ok() == !url.key.empty(), "an object's URL has a key");
}

void CheckRefused(std::string_view text, const Error& error) {
  Require(error.code == ErrorCode::kInvalidArgument, "a bad URL is a bad argument");
  Require(std::none_of(error.message.begin(), error.message.end(), IsControlByte),
          "messages hold no control bytes");
  Require(IsUtf8(error.message) || !IsUtf8(text), "messages of UTF-8 are UTF-8");
  Require(error.message.size() < 1000, "messages are short");
  Require(!ParseObjectUrl(text).ok(), "what is no URL is no object's URL");
}

void CheckSecret(std::string_view text) {
  if (Holds(text, "hunter2")) return;
  const std::string user(TakePiece(&text, '|'));
  const std::string path(text);
  for (const std::string scheme : {"s3://", "https://", ""}) {
    const Result<S3Url> url = ParseS3Url(scheme + user + ":hunter2" + path + "@host/key");
    Require(url.ok() || !Holds(url.error().message, "hunter2"), "messages hold no password");
  }
  const Result<S3Url> presigned =
      ParseS3Url("https://" + path + "/?X-Amz-Signature=hunter2" + user);
  Require(!presigned.ok() && !Holds(presigned.error().message, "hunter2"),
          "messages hold no signature");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = View(data, size);
  const Result<S3Url> url = ParseS3Url(text);
  if (url.ok()) {
    CheckParsed(text, url.value());
  } else {
    CheckRefused(text, url.error());
  }
  CheckSecret(text);
  return 0;
}

}  // namespace s3native::fuzz
