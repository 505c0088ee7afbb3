// The two ways S3 writes times: HTTP headers and XML documents.
// Thread-safety: pure functions; neither locale nor time zone matter. Ownership: nothing to free.
#pragma once

#include <cstdint>
#include <string_view>

namespace s3native {

// "Sun, 06 Nov 1994 08:49:37 GMT" as Unix time in milliseconds; 0 when malformed.
int64_t ParseHttpDate(std::string_view text);

// "2009-10-12T17:50:30.000Z", the fraction of any length or left out; 0 when malformed.
int64_t ParseIso8601(std::string_view text);

}  // namespace s3native
