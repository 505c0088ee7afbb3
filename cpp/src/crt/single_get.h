// The fast way to a small range: one signed GET on a kept-alive connection, straight into the
// caller's memory. It is tried once; whatever does not end in the right bytes or in a final answer
// (404, 403, 412, 416) is left to `fallback`, the meta request with its retries. Thread-safety:
// StartSingleGet from any thread. Ownership: as ObjectStore::Get.
#pragma once

#include <functional>
#include <memory>

#include "crt/lane.h"
#include "crt/meta_operation.h"

namespace s3native::crt {

// Starts `get` the slow way; its completion is the operation's.
using GetFallback = std::function<OperationPtr(GetRequest get, Completion<GetResult> done)>;

OperationPtr StartSingleGet(std::shared_ptr<Connection> connection, std::shared_ptr<Lane> lane,
                            GetRequest get, MetaRequest request, GetFallback fallback,
                            Completion<GetResult> done);

}  // namespace s3native::crt
