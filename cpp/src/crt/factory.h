// What the rest of the engine needs of crt/, without any CRT header.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "s3native/config.h"
#include "s3native/object_store.h"

namespace s3native::crt {

struct Service {
  std::shared_ptr<ObjectStore> store;
  std::function<Result<std::string>(const PresignRequest&)> presign;
};

Result<Service> MakeService(const Config& config);

}  // namespace s3native::crt
