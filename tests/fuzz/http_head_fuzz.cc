// Properties of ParseHttpHead and DecodeChunked: what a connection reads piece by piece must not
// depend on where the pieces end.
#include <algorithm>
#include <cstdio>
#include <string>

#include "ascii.h"
#include "fuzz.h"
#include "http_head.h"

namespace s3native::fuzz {
namespace {

bool Same(const HttpHead& a, const HttpHead& b) {
  return a.status == b.status && a.headers == b.headers && a.content_length == b.content_length &&
         a.chunked == b.chunked && a.keep_alive == b.keep_alive && a.size == b.size;
}

void CheckContentLength(const HttpHead& head) {
  if (!head.content_length) return;
  std::string_view digits = head.Header("content-length");
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  const std::string printed = std::to_string(*head.content_length);
  Require(digits == (printed == "0" ? "" : printed), "a content length does not wrap");
}

void CheckComplete(std::string_view text, const HttpHead& head) {
  Require(head.size > 0 && head.size <= text.size(), "a head ends inside the text");
  Require(text[head.size - 1] == '\n', "a head ends with a line");
  Require(head.status >= 100 && head.status <= 999, "a status has three digits");
  Require(!(head.chunked && head.content_length), "a body has one length");
  CheckContentLength(head);
  for (const auto& [name, value] : head.headers) {
    Require(!name.empty() && value == TrimAscii(value), "headers have names and trimmed values");
    Require(name.data() >= text.data() && name.data() + name.size() < text.data() + head.size,
            "names are views into the head");
    Require(value.empty() || (value.data() > name.data() &&
                              value.data() + value.size() < text.data() + head.size),
            "values are views into the head");
    Require(!Holds(name, "\n") && !Holds(value, "\n"), "a header is one line");
    Require(head.Header(LowerAscii(name)) == head.Header(name), "case does not matter");
  }
}

void CheckHead(std::string_view text) {
  HttpHead head;
  const HttpParse outcome = ParseHttpHead(text, &head);
  const HttpHead fresh = head;
  Require(ParseHttpHead(text, &head) == outcome && Same(head, fresh), "a head used is cleared");

  HttpHead start;
  const size_t cut = Cut(text);
  const HttpParse of_start = ParseHttpHead(text.substr(0, cut), &start);
  Require(start.headers.size() <= head.headers.size(), "less text has no more headers");
  if (of_start != HttpParse::kIncomplete)
    Require(of_start == outcome, "more text does not change an outcome");
  if (outcome != HttpParse::kComplete) return;
  CheckComplete(text, head);
  if (cut < head.size) {
    Require(of_start == HttpParse::kIncomplete, "a part of a head is incomplete");
  } else {
    Require(Same(start, head), "the body does not change the head");
  }
}

void CheckChunked(std::string_view text) {
  std::string body = "old";
  size_t used = 0;
  const HttpParse outcome = DecodeChunked(text, &body, &used);
  Require(body.size() <= text.size(), "a body is smaller than its chunks");

  std::string start;
  size_t start_used = 0;
  const size_t cut = Cut(text);
  const HttpParse of_start = DecodeChunked(text.substr(0, cut), &start, &start_used);
  Require(body.starts_with(start), "less text has no more body");
  if (of_start != HttpParse::kIncomplete)
    Require(of_start == outcome, "more text does not change an outcome");
  if (outcome != HttpParse::kComplete) return;
  Require(used > 0 && used <= text.size(), "a body ends inside the text");
  if (cut < used) {
    Require(of_start == HttpParse::kIncomplete, "a part of a body is incomplete");
  } else {
    Require(start == body && start_used == used, "what follows does not change the body");
  }
}

std::string Encoded(std::string_view body) {
  std::string text;
  while (!body.empty()) {
    const size_t size = Cut(body) == 0 ? body.size() : Cut(body);
    char line[32];
    std::snprintf(line, sizeof line, size % 2 == 0 ? "%zx\r\n" : "00%zX;name=value\r\n", size);
    text.append(line).append(body.substr(0, size)).append("\r\n");
    body.remove_prefix(size);
  }
  return text + "0\r\nx-amz-checksum-crc64nvme: AAAAAAAAAAA=\r\n\r\n";
}

void CheckEncoded(std::string_view text) {
  const std::string encoded = Encoded(text);
  std::string body;
  size_t used = 0;
  Require(DecodeChunked(encoded + "rest", &body, &used) == HttpParse::kComplete,
          "chunks are decoded");
  Require(body == text && used == encoded.size(), "chunks decode to the body");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = View(data, size);
  CheckHead(text);
  CheckChunked(text);
  CheckEncoded(text);
  return 0;
}

}  // namespace s3native::fuzz
