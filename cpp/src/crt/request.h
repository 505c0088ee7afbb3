// A signed request on a kept-alive connection of ours, its bytes going between the socket and the
// caller's memory, sent again, with growing waits, when that may help. Thread-safety: the functions
// from any thread. Ownership: as ObjectStore's.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "crt/errors.h"
#include "crt/http_pool.h"
#include "crt/object_headers.h"
#include "parallel_get.h"
#include "s3native/object_store.h"

namespace s3native::crt {

struct Request {
  RequestContext context;
  const char* method = "GET";
  std::string path;  // percent-encoded, with its query
  std::vector<std::pair<std::string, std::string>> headers;
  ConstBytes body;               // borrowed
  std::string document;          // owned; sent when body is empty
  bool driven = false;           // Operation::Drive will be called
  bool laborious = false;        // the server has to work before it can answer
  const char* answer = nullptr;  // the root element of the document expected, if one is
};

struct Response {
  ObjectHeaders headers;
  std::string body;
  int attempts = 1;
};

struct Get {
  GetRequest get;      // what is asked for
  Request request;     // and how; without a Range header when get.whole
  OnObject on_object;  // may be empty; once for each response, before the completion
};

OperationPtr StartGet(std::shared_ptr<Connection> connection, std::shared_ptr<HttpPool> pool,
                      Get get, Completion<GetResult> done);

// Bytes go out, headers come back.
OperationPtr StartPut(std::shared_ptr<Connection> connection, std::shared_ptr<HttpPool> pool,
                      Request request, Completion<PutResult> done);

// Any other request: both bodies are documents.
OperationPtr StartRequest(std::shared_ptr<Connection> connection, std::shared_ptr<HttpPool> pool,
                          Request request, Completion<Response> done);

}  // namespace s3native::crt
