// Properties of what goes into headers, and of the checksums that stand there.
#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

#include "ascii.h"
#include "checksum_text.h"
#include "fuzz.h"
#include "header_values.h"
#include "http_head.h"

namespace s3native::fuzz {
namespace {

bool HasControlByte(std::string_view text) {
  return std::any_of(text.begin(), text.end(), IsControlByte);
}

void CheckRefused(const Status& status) {
  Require(status.error().code == ErrorCode::kInvalidArgument, "a bad value is a bad argument");
  Require(!HasControlByte(status.error().message), "messages hold no control bytes");
  Require(!Holds(status.error().message, "hunter2"), "messages hold no value");
}

void CheckValue(std::string_view text) {
  PutOptions options;
  options.sse_kms_key_id = "hunter2" + std::string(text);
  for (const Status& status :
       {CheckHeaderValue("option", options.sse_kms_key_id), CheckPutOptions(options)}) {
    Require(status.ok() == !HasControlByte(text), "control bytes are refused, and nothing else");
    if (!status.ok()) CheckRefused(status);
  }
}

// "name|value": accepted metadata is one header of a message.
void CheckMetadata(std::string_view text) {
  const std::string name(TakePiece(&text, '|'));
  const std::string value = "hunter2" + std::string(text);
  if (Holds(name, "hunter2")) return;  // names are quoted
  PutOptions options;
  options.metadata[name] = value;
  const Status status = CheckPutOptions(options);
  if (!status.ok()) return CheckRefused(status);
  const std::string message = "HTTP/1.1 200 OK\r\nx-amz-meta-" + name + ": " + value + "\r\n\r\n";
  HttpHead head;
  Require(ParseHttpHead(message, &head) == HttpParse::kComplete && head.size == message.size() &&
              head.headers.size() == 1,
          "metadata is one header");
  Require(head.Header("x-amz-meta-" + name) == TrimAscii(value), "metadata keeps its value");
}

void CheckChecksum(std::string_view text) {
  if (const std::optional<uint64_t> crc = Base64ToCrc64(text))
    Require(Crc64ToBase64(*crc) == text, "a checksum has one text");
  uint64_t crc = 0;
  std::memcpy(&crc, text.data(), std::min(text.size(), sizeof crc));
  Require(Base64ToCrc64(Crc64ToBase64(crc)) == crc, "a checksum's text is the checksum");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = View(data, size);
  CheckValue(text);
  CheckMetadata(text);
  CheckChecksum(text);
  return 0;
}

}  // namespace s3native::fuzz
