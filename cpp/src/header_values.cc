#include "header_values.h"

#include <algorithm>
#include <string>

#include "ascii.h"

namespace s3native {
namespace {

// RFC 9110's token.
bool IsTokenByte(char c) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         kMarks.find(c) != std::string_view::npos;
}

}  // namespace

Status CheckHeaderValue(std::string_view option, std::string_view value) {
  if (std::none_of(value.begin(), value.end(), IsControlByte)) return Ok();
  return InvalidArgument(std::string(option) + " holds a line break or another control character");
}

Status CheckPutOptions(const PutOptions& options) {
  const std::pair<std::string_view, std::string_view> values[] = {
      {"if_match", options.if_match},
      {"content_type", options.content_type},
      {"content_encoding", options.content_encoding},
      {"cache_control", options.cache_control},
      {"storage_class", options.storage_class},
      {"server_side_encryption", options.server_side_encryption},
      {"sse_kms_key_id", options.sse_kms_key_id},
  };
  for (const auto& [option, value] : values) {
    if (Status status = CheckHeaderValue(option, value); !status.ok()) return status;
  }
  for (const auto& [name, value] : options.metadata) {
    if (name.empty() || !std::all_of(name.begin(), name.end(), IsTokenByte)) {
      std::string shown = name;
      std::replace_if(shown.begin(), shown.end(), IsControlByte, '?');
      return InvalidArgument("metadata has the name \"" + shown +
                             "\"; letters, digits and marks such as '-' make one");
    }
    if (Status status = CheckHeaderValue("metadata \"" + name + "\"", value); !status.ok())
      return status;
  }
  return Ok();
}

}  // namespace s3native
