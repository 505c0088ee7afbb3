// The INI dialect of AWS config and credentials files.
// Thread-safety: pure functions and plain values. Ownership: results by value.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "s3native/error.h"

namespace s3native {

struct ProfileSection {
  // Names in lower case. A value continued over indented lines has them joined by "\n".
  std::map<std::string, std::string> properties;
  // Properties with an empty value followed by indented "name = value" lines, such as `s3 =`.
  std::map<std::string, std::map<std::string, std::string>> nested;
};

struct ProfileFile {
  // By the text between the brackets, blanks squeezed: "default", "profile dev", "services local".
  std::map<std::string, ProfileSection> sections;
};

// Sections and properties that occur twice are merged, the later value wins. Comments start with
// '#' or ';' at the start of a line or after a blank. kInvalidArgument names `path` and the line,
// and quotes nothing: it may be a secret.
Result<ProfileFile> ParseProfileFile(std::string_view text, std::string_view path);

}  // namespace s3native
