// Properties of RequestSigner and UnsignedHead: nothing becomes a line of its own, and what is
// signed does not depend on the order of parameters and headers.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "ascii.h"
#include "fuzz.h"
#include "http_head.h"
#include "percent_encoding.h"
#include "sha256.h"
#include "sigv4.h"

namespace s3native {
namespace {
std::string canonical;  // the canonical request signed last
}

// Instead of the CRT's: shows what is hashed.
std::string Sha256(std::string_view data) {
  canonical = data;
  return std::string(32, '\0');
}
std::string HmacSha256(std::string_view, std::string_view) { return std::string(32, '\0'); }

namespace fuzz {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

// "path|query|authority|token|value|value..."
struct Input {
  std::string path, authority, token;
  std::vector<std::string> parameters;
  Headers headers;
};

Input Split(std::string_view text) {
  Input input;
  input.path = "/" + PercentEncode(TakePiece(&text, '|'), true);
  std::string_view query = TakePiece(&text, '|');
  while (!query.empty()) {
    std::string_view parameter = TakePiece(&query, '&');
    std::string name = PercentEncode(TakePiece(&parameter, '='), false);
    input.parameters.push_back(std::move(name) + "=" + PercentEncode(parameter, false));
  }
  input.authority = TakePiece(&text, '|');
  input.token = TakePiece(&text, '|');
  for (int i = 0; !text.empty(); ++i) {  // some names occur twice
    input.headers.emplace_back("X-Amz-Meta-" + std::to_string(i / 2), TakePiece(&text, '|'));
  }
  return input;
}

std::string Target(const Input& input) {
  std::string target = input.path;
  char mark = '?';
  for (const std::string& parameter : input.parameters) {
    target += mark + parameter;
    mark = '&';
  }
  return target;
}

// That the lines after the first are this many headers.
void CheckLines(const std::string& lines, size_t headers) {
  const std::string text = "HTTP/1.1 200 OK" + lines.substr(lines.find("\r\n")) + "\r\n";
  HttpHead head;
  Require(ParseHttpHead(text, &head) == HttpParse::kComplete && head.size == text.size(),
          "the head ends where it ends");
  Require(head.headers.size() == headers, "no header becomes two");
  Require(static_cast<size_t>(std::count(text.begin(), text.end(), '\r')) == headers + 2,
          "lines end with CRLF and hold no CR");
  Require(!Holds(text, std::string_view("\0", 1)), "no header holds a NUL");
}

std::string Sign(const Input& input, std::string* signed_text) {
  RequestSigner signer("us-east-1");
  const std::string target = Target(input);
  const RequestHead request{"GET", target, input.authority, input.headers};
  const std::string head = signer.Sign(request, {"AKID", "hunter2", input.token}, 1369353600);
  *signed_text = canonical;
  CheckLines(UnsignedHead(request), input.headers.size() + 1);
  return head;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input = Split(View(data, size));
  std::string before, after;
  const std::string head = Sign(input, &before);
  Require(head.starts_with("GET " + Target(input) + " HTTP/1.1\r\n"),
          "the target is sent as it is");
  Require(!Holds(head, "hunter2") || Holds(View(data, size), "hunter2"), "the secret is not sent");
  CheckLines(head, input.headers.size() + (input.token.empty() ? 4 : 5));
  std::reverse(input.parameters.begin(), input.parameters.end());
  std::reverse(input.headers.begin(), input.headers.end());
  Sign(input, &after);
  Require(before == after, "order does not matter to the signature");
  return 0;
}

}  // namespace fuzz
}  // namespace s3native
