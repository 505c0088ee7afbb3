#include "profile_file.h"

#include <cstddef>

#include "ascii.h"

namespace s3native {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

bool IsBlank(char c) { return kAsciiBlanks.find(c) != std::string_view::npos; }
bool StartsComment(char c) { return c == '#' || c == ';'; }

std::string_view WithoutComment(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (StartsComment(text[i]) && (i == 0 || IsBlank(text[i - 1])))
      return TrimAscii(text.substr(0, i));
  }
  return TrimAscii(text);
}

// "profile   'my dev'" is the section "profile my dev".
std::string SectionName(std::string_view text) {
  text = TrimAscii(text);
  const size_t blank = text.find_first_of(kAsciiBlanks);
  if (blank == std::string_view::npos) return std::string(text);
  std::string_view name = TrimAscii(text.substr(blank));
  const bool quoted = name.size() > 1 && name.front() == name.back() &&
                      (name.front() == '"' || name.front() == '\'');
  if (quoted) name = name.substr(1, name.size() - 2);
  return std::string(text.substr(0, blank)) + " " + std::string(name);
}

class Parser {
 public:
  // What is wrong with the line, or null.
  const char* TakeLine(std::string_view line) {
    const std::string_view text = TrimAscii(line);
    if (text.empty() || StartsComment(text[0])) return nullptr;
    if (text[0] == '[') return TakeSection(text);
    // Some files indent all properties: a continuation is a line indented deeper than its property.
    const size_t indent = line.find_first_not_of(kAsciiBlanks);
    if (property_ != nullptr && indent > indent_) return TakeContinuation(text);
    indent_ = indent;
    return TakeProperty(text);
  }

  ProfileFile&& file() && { return std::move(file_); }

 private:
  const char* TakeSection(std::string_view text) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return "the section's ']' is missing";
    const std::string_view rest = TrimAscii(text.substr(close + 1));
    if (!rest.empty() && !StartsComment(rest[0])) return "text follows the section's ']'";
    const std::string name = SectionName(text.substr(1, close - 1));
    if (name.empty()) return "the section has no name";
    section_ = &file_.sections[name];
    property_ = nullptr;
    return nullptr;
  }

  const char* TakeProperty(std::string_view text) {
    if (section_ == nullptr) return "a property stands before the first section";
    const char* problem = Split(text);
    if (problem != nullptr) return problem;
    section_->nested.erase(name_);
    property_ = &section_->properties[name_];
    *property_ = value_;
    nested_owner_ = name_;
    return nullptr;
  }

  const char* TakeContinuation(std::string_view text) {
    if (!property_->empty()) {
      *property_ += "\n" + std::string(text);
      return nullptr;
    }
    if (const char* problem = Split(text)) return problem;
    section_->nested[nested_owner_][name_] = value_;
    return nullptr;
  }

  const char* Split(std::string_view text) {
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) return "expected NAME = VALUE";
    name_ = LowerAscii(TrimAscii(text.substr(0, equals)));
    if (name_.empty()) return "the property has no name";
    value_ = WithoutComment(text.substr(equals + 1));
    return nullptr;
  }

  ProfileFile file_;
  ProfileSection* section_ = nullptr;
  std::string* property_ = nullptr;  // the one that continuation lines belong to
  std::string nested_owner_;         // its name
  size_t indent_ = 0;                // its indentation
  std::string name_, value_;         // what Split found
};

}  // namespace

Result<ProfileFile> ParseProfileFile(std::string_view text, std::string_view path) {
  if (text.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    text.remove_prefix(kByteOrderMark.size());
  }
  Parser parser;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    if (const char* problem = parser.TakeLine(text.substr(0, end))) {
      return InvalidArgument(std::string(path) + ", line " + std::to_string(number) + ": " +
                             problem);
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return std::move(parser).file();
}

}  // namespace s3native
