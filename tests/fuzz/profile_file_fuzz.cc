// Properties of ParseProfileFile.
#include <algorithm>
#include <string>

#include "ascii.h"
#include "fuzz.h"
#include "profile_file.h"

namespace s3native::fuzz {
namespace {

bool Same(const ProfileFile& a, const ProfileFile& b) {
  return std::equal(a.sections.begin(), a.sections.end(), b.sections.begin(), b.sections.end(),
                    [](const auto& left, const auto& right) {
                      return left.first == right.first &&
                             left.second.properties == right.second.properties &&
                             left.second.nested == right.second.nested;
                    });
}

std::string Replaced(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

// Quotes keep the blanks of a section's name as they are.
std::string Header(const std::string& section) {
  const size_t blank = section.find(' ');
  if (blank == std::string::npos) return "[" + section + "]\n";
  return "[" + section.substr(0, blank) + " \"" + section.substr(blank + 1) + "\"]\n";
}

std::string Print(const ProfileFile& file) {
  std::string text;
  for (const auto& [section, content] : file.sections) {
    text += Header(section);
    for (const auto& [name, value] : content.properties) {
      text += name + " = " + Replaced(value, "\n", "\n  ") + "\n";
      const auto nested = content.nested.find(name);
      if (nested == content.nested.end()) continue;
      for (const auto& [inner, inner_value] : nested->second)
        text += "  " + inner + " = " + inner_value + "\n";
    }
  }
  return text;
}

void CheckParsed(const std::string& text, const ProfileFile& file) {
  for (const auto& [section, content] : file.sections) {
    Require(!section.empty() && !Holds(section, "]"), "sections have names");
    for (const auto& [name, value] : content.properties) {
      Require(!name.empty() && name == LowerAscii(name), "names are in lower case");
      Require(value == TrimAscii(value), "values are without blanks around them");
    }
    for (const auto& [owner, inner] : content.nested) {
      const auto property = content.properties.find(owner);
      Require(property != content.properties.end() && property->second.empty() && !inner.empty(),
              "nested properties belong to one without a value");
    }
  }
  const Result<ProfileFile> again = ParseProfileFile(Print(file), "f");
  Require(again.ok() && Same(again.value(), file), "a file printed and parsed is the same");
  const Result<ProfileFile> windows = ParseProfileFile(Replaced(text, "\n", "\r\n"), "f");
  Require(windows.ok() && Same(windows.value(), file), "CRLF is as good as LF");
  const Result<ProfileFile> twice = ParseProfileFile(text + "\n" + text, "f");
  Require(twice.ok() && Same(twice.value(), file), "a file twice is the file");
}

// Keeps what the syntax is made of and the lines' lengths, and no word.
std::string Masked(std::string text) {
  for (char& c : text) {
    if (c != '\n' && !Holds(kAsciiBlanks, std::string_view(&c, 1)) && !Holds("[]=#;", {&c, 1}))
      c = 'x';
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view given = View(data, size);
  const Result<ProfileFile> file = ParseProfileFile(given, "f");
  // A byte order mark counts at the start only, which what follows moves elsewhere.
  const std::string text(given.starts_with("\xef\xbb\xbf") ? given.substr(3) : given);
  const Result<ProfileFile> masked = ParseProfileFile(Masked(text), "f");
  Require(file.ok() == masked.ok(), "words do not matter to the syntax");
  if (file.ok()) {
    if (!text.starts_with("\xef\xbb\xbf")) CheckParsed(text, file.value());
  } else {
    Require(file.error().message == masked.error().message, "messages quote nothing");
    Require(file.error().message.starts_with("f, line "), "messages name file and line");
  }
  return 0;
}

}  // namespace s3native::fuzz
