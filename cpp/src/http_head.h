// The head of an HTTP/1.1 response and the chunked transfer coding, as S3 servers send them.
// Thread-safety: pure functions. Ownership: views into the text given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace s3native {

struct HttpHead {
  int status = 0;
  std::vector<std::pair<std::string_view, std::string_view>> headers;  // values without white space
  std::optional<uint64_t> content_length;
  bool chunked = false;
  bool keep_alive = true;
  size_t size = 0;  // bytes up to the body

  // The value of a header, any case, or an empty view.
  std::string_view Header(std::string_view name) const;
};

enum class HttpParse { kComplete, kIncomplete, kMalformed };

// Reads the head at the start of `text` into `head`, which is cleared first. Strict where leniency
// would let a body's length be mistaken: two different lengths or a folded line are malformed.
HttpParse ParseHttpHead(std::string_view text, HttpHead* head);

// Decodes a whole chunked body; `used` is how many bytes of `text` it took.
HttpParse DecodeChunked(std::string_view text, std::string* body, size_t* used);

}  // namespace s3native
