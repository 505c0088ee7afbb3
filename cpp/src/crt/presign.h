// URLs that carry their own signature.
// Thread-safety: pure but for the credentials it asks for; may block while a provider fetches them.
#pragma once

#include <memory>
#include <string>

#include "crt/connection.h"
#include "s3native/object.h"

namespace s3native::crt {

Result<std::string> PresignUrl(const Connection& connection, const S3Url& url,
                               const std::string& method, uint32_t expires_s);

}  // namespace s3native::crt
