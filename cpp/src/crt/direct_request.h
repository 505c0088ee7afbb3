// The way of bytes: a signed GET, HEAD or PUT on a kept-alive connection of ours, between the
// socket and the caller's memory, sent again, with growing waits, when that may help.
// Thread-safety: the functions from any thread. Ownership: as ObjectStore's.
#pragma once

#include <memory>

#include "crt/http_pool.h"
#include "crt/meta_operation.h"
#include "parallel_get.h"

namespace s3native::crt {

struct DirectGet {
  GetRequest get;       // what is asked for
  MetaRequest request;  // and how; without a Range header when get.whole
  OnObject on_object;   // may be empty; once for each response, before the completion
};

OperationPtr StartDirectGet(std::shared_ptr<Connection> connection, std::shared_ptr<HttpPool> pool,
                            DirectGet get, Completion<GetResult> done);

OperationPtr StartDirectPut(std::shared_ptr<Connection> connection, std::shared_ptr<HttpPool> pool,
                            MetaRequest request, Completion<PutResult> done);

// Any other request: both bodies are documents.
OperationPtr StartDirect(std::shared_ptr<Connection> connection, std::shared_ptr<HttpPool> pool,
                         MetaRequest request, Completion<MetaResponse> done);

}  // namespace s3native::crt
