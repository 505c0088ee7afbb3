// URLs that carry their own signature.
// Thread-safety: pure but for the credentials it asks for; may block while a provider fetches them.
#pragma once

#include <memory>
#include <string>

#include "crt/connection.h"
#include "s3native/object.h"

namespace s3native::crt {

Result<std::string> PresignUrl(const Connection& connection, const PresignRequest& request);

}  // namespace s3native::crt
