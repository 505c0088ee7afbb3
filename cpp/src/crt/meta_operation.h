// One aws-c-s3 meta request from start to complete teardown: the whole GET, or one signed request
// with retries. Thread-safety: Start from any thread; callbacks come from CRT threads. Ownership:
// an operation keeps itself alive until its meta request has shut down, which is when the
// completion runs: no memory of the caller is touched after.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crt/connection.h"
#include "crt/errors.h"
#include "crt/object_headers.h"
#include "s3native/object_store.h"

namespace s3native::crt {

struct MetaRequest {
  RequestContext context;
  const char* method = "GET";
  std::string path;  // percent-encoded, with its query
  std::vector<std::pair<std::string, std::string>> headers;
  ConstBytes body;       // borrowed
  std::string document;  // owned; sent when body is empty
  bool receive_into =
      false;  // a GET_OBJECT into `destination`; otherwise the body is collected as a string
  MutableBytes destination;
};

struct MetaResponse {
  ObjectHeaders headers;
  std::string body;
  uint64_t received = 0;
  bool checksum_validated = false;
};

OperationPtr StartMetaRequest(std::shared_ptr<Connection> connection, MetaRequest request,
                              Completion<MetaResponse> done);

// An unsigned message for `request`, with Host and Content-Length.
HttpMessage MakeMessage(const Connection& connection, const MetaRequest& request);

}  // namespace s3native::crt
