#include "xml_reader.h"

#include <charconv>
#include <cstdint>

namespace s3native {
namespace {

constexpr size_t kMaxEntitySize = 32;
constexpr size_t kMaxDepth = 32;  // S3's deepest document has 6 levels

void AppendUtf8(uint32_t code_point, std::string* out) {
  if (code_point < 0x80) {
    out->push_back(static_cast<char>(code_point));
  } else if (code_point < 0x800) {
    out->push_back(static_cast<char>(0xC0 | (code_point >> 6)));
    out->push_back(static_cast<char>(0x80 | (code_point & 0x3F)));
  } else if (code_point < 0x10000) {
    out->push_back(static_cast<char>(0xE0 | (code_point >> 12)));
    out->push_back(static_cast<char>(0x80 | ((code_point >> 6) & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (code_point & 0x3F)));
  } else {
    out->push_back(static_cast<char>(0xF0 | (code_point >> 18)));
    out->push_back(static_cast<char>(0x80 | ((code_point >> 12) & 0x3F)));
    out->push_back(static_cast<char>(0x80 | ((code_point >> 6) & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (code_point & 0x3F)));
  }
}

// Appends what "&name;" stands for; false if it is not one of the known forms.
bool AppendEntity(std::string_view name, std::string* out) {
  if (name == "amp")
    out->push_back('&');
  else if (name == "lt")
    out->push_back('<');
  else if (name == "gt")
    out->push_back('>');
  else if (name == "quot")
    out->push_back('"');
  else if (name == "apos")
    out->push_back('\'');
  else if (name.size() > 1 && name[0] == '#') {
    const bool hex = name[1] == 'x' || name[1] == 'X';
    std::string_view digits = name.substr(hex ? 2 : 1);
    uint32_t code_point = 0;
    auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), code_point, hex ? 16 : 10);
    const bool surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;  // no character, no UTF-8
    if (error != std::errc() || end != digits.data() + digits.size() || code_point > 0x10FFFF ||
        surrogate) {
      return false;
    }
    AppendUtf8(code_point, out);
  } else {
    return false;
  }
  return true;
}

}  // namespace

bool XmlReader::Fail() {
  ok_ = false;
  position_ = document_.size();
  return false;
}

bool XmlReader::SkipMarkup() {
  const std::string_view rest = document_.substr(position_);
  std::string_view terminator;
  if (rest.starts_with("<!--"))
    terminator = "-->";
  else if (rest.starts_with("<?"))
    terminator = "?>";
  else if (rest.starts_with("<![CDATA["))
    terminator = "]]>";
  else
    return Fail();  // a DTD, or garbage
  const size_t end = rest.find(terminator);
  if (end == std::string_view::npos) return Fail();
  position_ += end + terminator.size();
  return true;
}

bool XmlReader::Open(std::string_view* name) {
  const size_t end = document_.find('>', position_);
  if (end == std::string_view::npos || open_.size() >= kMaxDepth) return Fail();
  std::string_view tag = document_.substr(position_ + 1, end - position_ - 1);
  self_closed_ = tag.ends_with('/');
  if (self_closed_) tag.remove_suffix(1);
  tag = tag.substr(0, tag.find_first_of(" \t\r\n"));
  if (tag.empty() || tag.find('<') != std::string_view::npos) return Fail();
  position_ = end + 1;
  open_.push_back(tag);
  *name = tag;
  return true;
}

bool XmlReader::Close() {
  const size_t end = document_.find('>', position_);
  if (end == std::string_view::npos || open_.empty()) return Fail();
  std::string_view tag = document_.substr(position_ + 2, end - position_ - 2);
  tag = tag.substr(0, tag.find_first_of(" \t\r\n"));
  if (tag != open_.back()) return Fail();
  open_.pop_back();
  position_ = end + 1;
  return true;
}

bool XmlReader::NextElement(std::string_view* name) {
  if (self_closed_) {
    self_closed_ = false;
    if (!open_.empty()) open_.pop_back();
    return false;
  }
  while (ok_) {
    position_ = document_.find('<', position_);
    if (position_ == std::string_view::npos || position_ + 1 >= document_.size()) {
      position_ = document_.size();
      return open_.empty() ? false : Fail();
    }
    const char next = document_[position_ + 1];
    if (next == '/') {
      Close();
      return false;
    }
    if (next != '!' && next != '?') return Open(name);
    SkipMarkup();
  }
  return false;
}

std::string_view XmlReader::RawText() {
  if (self_closed_) {
    self_closed_ = false;
    open_.pop_back();
    return {};
  }
  const size_t start = position_;
  const size_t end = document_.find('<', start);
  if (end == std::string_view::npos) {
    Fail();
    return {};
  }
  position_ = end;
  Skip();
  return ok_ ? document_.substr(start, end - start) : std::string_view();
}

std::string XmlReader::Text() { return XmlUnescape(RawText()); }

void XmlReader::Skip() {
  const size_t depth = open_.size();
  if (depth == 0) return;
  std::string_view name;
  while (ok_ && open_.size() >= depth) NextElement(&name);
}

std::string XmlUnescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (true) {
    const size_t ampersand = text.find('&');
    out.append(text.substr(0, ampersand));
    if (ampersand == std::string_view::npos) return out;
    text.remove_prefix(ampersand + 1);
    // Not to the text's end: the time for many ampersands would grow with their square.
    const size_t semicolon = text.substr(0, kMaxEntitySize).find(';');
    if (semicolon != std::string_view::npos && AppendEntity(text.substr(0, semicolon), &out)) {
      text.remove_prefix(semicolon + 1);
    } else {
      out.push_back('&');  // not an entity: keep it as it is
    }
  }
}

std::string XmlEscape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\r':
        out += "&#13;";
        break;
      default:
        out.push_back(c);
    }
  }
  return out;
}

}  // namespace s3native
