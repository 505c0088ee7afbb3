// What may go into request headers: a line break in a value would be a header, or a request, more.
// Thread-safety: pure functions. Ownership: nothing is kept.
#pragma once

#include <string_view>

#include "s3native/object_store.h"

namespace s3native {

// kInvalidArgument names the option and quotes nothing that could be a secret.
Status CheckHeaderValue(std::string_view option, std::string_view value);
// The same for every option that becomes a header; names of metadata must be names of headers.
Status CheckPutOptions(const PutOptions& options);

}  // namespace s3native
