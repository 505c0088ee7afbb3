#include "sigv4.h"

#include <time.h>

#include <algorithm>

#include "ascii.h"
#include "sha256.h"

namespace s3native {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kService = "s3";

std::string Hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

// "20130524T000000Z"
std::string Timestamp(int64_t unix_s) {
  const time_t seconds = unix_s;
  tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  const size_t size = strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &utc);
  return {text, size};
}

// Sorted by name; a parameter without '=' gets one.
std::string CanonicalQuery(std::string_view query) {
  std::vector<std::string> parameters;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    std::string parameter(query.substr(0, end));
    if (parameter.find('=') == std::string::npos) parameter += '=';
    parameters.push_back(std::move(parameter));
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  std::sort(parameters.begin(), parameters.end(), [](const auto& a, const auto& b) {
    // '=' sorts behind some bytes that a longer name may hold.
    const std::string_view name_a = std::string_view(a).substr(0, a.find('='));
    const std::string_view name_b = std::string_view(b).substr(0, b.find('='));
    return name_a != name_b ? name_a < name_b : a < b;
  });
  std::string canonical;
  for (const std::string& parameter : parameters) {
    if (!canonical.empty()) canonical += '&';
    canonical += parameter;
  }
  return canonical;
}

// From `start` on, what would end a line becomes a space: no header can add one of its own.
void KeepOnOneLine(size_t start, std::string* text) {
  std::replace_if(
      text->begin() + start, text->end(),
      [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
}

void AddLine(std::string_view name, std::string_view value, std::string* head) {
  const size_t start = head->size();
  head->append(name).append(": ").append(value);
  KeepOnOneLine(start, head);
  head->append("\r\n");
}

// Trimall() of the specification: without blanks at both ends, and with one space for each run of
// them.
void AddTrimmed(std::string_view value, std::string* canonical) {
  const size_t start = canonical->size();
  bool blank = false;
  for (const char c : value) {
    if (c == ' ' || (c >= '\t' && c <= '\r') || c == '\0') {
      blank = canonical->size() != start;
      continue;
    }
    if (blank) *canonical += ' ';
    blank = false;
    *canonical += c;
  }
}

void AddRequestLine(const RequestHead& request, std::string* head) {
  head->append(request.method).append(" ").append(request.origin).append(request.target);
  head->append(" HTTP/1.1\r\n");
  AddLine("Host", request.authority, head);
}

}  // namespace

std::string RequestSigner::SigningKey(std::string_view date, std::string_view secret) {
  std::lock_guard lock(mutex_);
  if (date == key_date_ && secret == key_secret_) return key_;
  std::string key = HmacSha256("AWS4" + std::string(secret), date);
  key = HmacSha256(key, region_);
  key = HmacSha256(key, kService);
  key_ = HmacSha256(key, "aws4_request");
  key_date_ = date;
  key_secret_ = secret;
  return key_;
}

std::string RequestSigner::Sign(const RequestHead& request, const SigningCredentials& credentials,
                                int64_t unix_s, std::string_view payload_hash) {
  const std::string timestamp = Timestamp(unix_s);
  const std::string_view date = std::string_view(timestamp).substr(0, 8);
  const size_t mark = std::min(request.target.find('?'), request.target.size());
  const std::string_view query = request.target.substr(std::min(mark + 1, request.target.size()));

  std::vector<std::pair<std::string, std::string_view>> headers;
  headers.reserve(request.headers.size() + 4);
  headers.emplace_back("host", request.authority);
  headers.emplace_back("x-amz-content-sha256", payload_hash);
  headers.emplace_back("x-amz-date", timestamp);
  if (!credentials.session_token.empty())
    headers.emplace_back("x-amz-security-token", credentials.session_token);
  for (const auto& [name, value] : request.headers)
    headers.emplace_back(LowerAscii(name), TrimAscii(value));
  std::sort(headers.begin(), headers.end());

  std::string names;
  std::string_view last;
  std::string canonical;
  canonical.reserve(1024);
  canonical.append(request.method).append("\n").append(request.target.substr(0, mark));
  canonical.append("\n").append(CanonicalQuery(query)).append("\n");
  for (const auto& [name, value] : headers) {
    if (name == last) {  // one line for all values
      canonical.back() = ',';
    } else {
      canonical.append(name).append(":");
      if (!names.empty()) names += ';';
      names += name;
    }
    AddTrimmed(value, &canonical);
    canonical += '\n';
    last = name;
  }
  KeepOnOneLine(0, &names);
  canonical.append("\n").append(names).append("\n").append(payload_hash);

  std::string scope(date);
  scope.append("/").append(region_).append("/").append(kService).append("/aws4_request");
  std::string to_sign(kAlgorithm);
  to_sign.append("\n").append(timestamp).append("\n").append(scope).append("\n");
  to_sign += Hex(Sha256(canonical));
  const std::string signature =
      Hex(HmacSha256(SigningKey(date, credentials.secret_access_key), to_sign));

  std::string head;
  head.reserve(1024);
  AddRequestLine(request, &head);
  for (const auto& [name, value] : headers) {
    if (name != "host") AddLine(name, value, &head);
  }
  head.append("authorization: ").append(kAlgorithm).append(" Credential=");
  head.append(credentials.access_key_id).append("/").append(scope);
  head.append(", SignedHeaders=").append(names).append(", Signature=").append(signature);
  head.append("\r\n");
  return head;
}

std::string UnsignedHead(const RequestHead& request) {
  std::string head;
  AddRequestLine(request, &head);
  for (const auto& [name, value] : request.headers) AddLine(name, TrimAscii(value), &head);
  return head;
}

}  // namespace s3native
