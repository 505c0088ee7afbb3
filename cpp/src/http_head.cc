#include "http_head.h"

#include <algorithm>
#include <charconv>

#include "ascii.h"

namespace s3native {
namespace {

// All of `text` as a number without sign.
template <typename Number>
bool ParseNumber(std::string_view text, int base, Number* number) {
  const char* end = text.data() + text.size();
  const auto [next, error] = std::from_chars(text.data(), end, *number, base);
  return error == std::errc() && next == end && !text.empty() && text.front() != '-';
}

// "HTTP/1.1 206 Partial Content"
bool ParseStatusLine(std::string_view line, HttpHead* head) {
  if (line.size() < 12 || line.substr(0, 7) != "HTTP/1." || line[8] != ' ') return false;
  if (line[7] != '0' && line[7] != '1') return false;
  head->keep_alive = line[7] == '1';
  return ParseNumber(line.substr(9, 3), 10, &head->status) && head->status >= 100 &&
         (line.size() == 12 || line[12] == ' ');
}

// Whether `option` is in a list with commas.
bool Lists(std::string_view list, std::string_view option) {
  while (!list.empty()) {
    const size_t end = std::min(list.find(','), list.size());
    if (EqualsIgnoringCase(TrimAscii(list.substr(0, end)), option)) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

// Blanks in a name would let another reader take it for a different one.
bool IsName(std::string_view name) {
  return !name.empty() && std::none_of(name.begin(), name.end(),
                                       [](char c) { return c == ' ' || IsControlByte(c); });
}

bool Interpret(std::string_view name, std::string_view value, HttpHead* head) {
  if (EqualsIgnoringCase(name, "content-length")) {
    uint64_t length = 0;
    if (!ParseNumber(value, 10, &length)) return false;
    if (head->content_length && *head->content_length != length) return false;
    head->content_length = length;
  } else if (EqualsIgnoringCase(name, "transfer-encoding")) {
    if (head->chunked || !EqualsIgnoringCase(value, "chunked")) return false;
    head->chunked = true;
  } else if (EqualsIgnoringCase(name, "connection")) {
    if (Lists(value, "keep-alive")) head->keep_alive = true;
    if (Lists(value, "close")) head->keep_alive = false;
  }
  return true;
}

// Takes a line up to CRLF (or a bare LF) off `rest`; false when there is none yet.
bool TakeLine(std::string_view* rest, std::string_view* line) {
  const size_t end = rest->find('\n');
  if (end == std::string_view::npos) return false;
  *line = rest->substr(0, end);
  if (!line->empty() && line->back() == '\r') line->remove_suffix(1);
  rest->remove_prefix(end + 1);
  return true;
}

}  // namespace

std::string_view HttpHead::Header(std::string_view name) const {
  for (const auto& [found, value] : headers) {
    if (EqualsIgnoringCase(found, name)) return value;
  }
  return {};
}

HttpParse ParseHttpHead(std::string_view text, HttpHead* head) {
  head->status = 0;
  head->size = 0;
  head->headers.clear();
  head->content_length.reset();
  head->chunked = false;
  std::string_view rest = text;
  std::string_view line;
  if (!TakeLine(&rest, &line)) return HttpParse::kIncomplete;
  if (!ParseStatusLine(line, head)) return HttpParse::kMalformed;
  while (TakeLine(&rest, &line)) {
    if (line.empty()) {
      head->size = text.size() - rest.size();
      // RFC 9112 6.3: a message with both is an attempt at smuggling.
      return head->chunked && head->content_length ? HttpParse::kMalformed : HttpParse::kComplete;
    }
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return HttpParse::kMalformed;
    const std::string_view name = line.substr(0, colon);
    if (!IsName(name)) return HttpParse::kMalformed;
    const std::string_view value = TrimAscii(line.substr(colon + 1));
    if (!Interpret(name, value, head)) return HttpParse::kMalformed;
    head->headers.emplace_back(name, value);
  }
  return HttpParse::kIncomplete;
}

HttpParse DecodeChunked(std::string_view text, std::string* body, size_t* used) {
  body->clear();
  std::string_view rest = text;
  std::string_view line;
  while (TakeLine(&rest, &line)) {
    uint64_t size = 0;
    if (!ParseNumber(TrimAscii(line.substr(0, line.find(';'))), 16, &size))
      return HttpParse::kMalformed;
    if (size == 0) {  // trailers, up to an empty line
      while (TakeLine(&rest, &line)) {
        if (!line.empty()) continue;
        *used = text.size() - rest.size();
        return HttpParse::kComplete;
      }
      return HttpParse::kIncomplete;
    }
    if (rest.size() < size) return HttpParse::kIncomplete;
    body->append(rest.substr(0, size));
    rest.remove_prefix(size);
    if (rest.empty()) return HttpParse::kIncomplete;
    if (!TakeLine(&rest, &line)) {
      return rest == "\r" ? HttpParse::kIncomplete : HttpParse::kMalformed;
    }
    if (!line.empty()) return HttpParse::kMalformed;
  }
  return HttpParse::kIncomplete;
}

}  // namespace s3native
