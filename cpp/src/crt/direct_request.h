// The fast way for bytes: one signed GET or PUT on a kept-alive connection of ours, between the
// socket and the caller's memory. It is tried once; whatever does not end in the right bytes or in a
// final answer (404, 403, 412, 416) is left to the slow way, the meta request with its retries.
// Thread-safety: StartDirectGet and StartDirectPut from any thread. Ownership: as ObjectStore's.
#pragma once

#include <functional>
#include <memory>

#include "crt/http_pool.h"
#include "crt/meta_operation.h"

namespace s3native::crt {

// Starts the same request the slow way.
using SlowGet = std::function<OperationPtr(GetRequest get, Completion<GetResult> done)>;
using SlowPut = std::function<OperationPtr(MetaRequest request, Completion<PutResult> done)>;

// A range's first response has come, its bytes have not; from an event loop's thread.
using OnObject = std::function<void(const ObjectInfo& info)>;

struct DirectGet {
  GetRequest get;       // what is asked for
  MetaRequest request;  // and how; without a Range header when get.whole
  OnObject on_object;  // may be empty; called at most once, before the completion
};

OperationPtr StartDirectGet(std::shared_ptr<Connection> connection, std::shared_ptr<HttpPool> pool,
                            DirectGet get, SlowGet slow_way, Completion<GetResult> done);

OperationPtr StartDirectPut(std::shared_ptr<Connection> connection, std::shared_ptr<HttpPool> pool,
                            MetaRequest request, SlowPut slow_way, Completion<PutResult> done);

}  // namespace s3native::crt
