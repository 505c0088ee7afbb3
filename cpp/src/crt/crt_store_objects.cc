// Get, Head, Put, Delete, Copy: what concerns one object.
#include "crt/crt_store.h"
#include "crt/object_headers.h"
#include "endpoint.h"
#include "percent_encoding.h"
#include "xml_reader.h"

namespace s3native::crt {
namespace {

void AddIfSet(const char* name, const std::string& value, Request* request) {
  if (!value.empty()) request->headers.emplace_back(name, value);
}

std::string Tags(const std::map<std::string, std::string>& tags) {
  std::string out;
  for (const auto& [name, value] : tags) {
    if (!out.empty()) out += '&';
    out += PercentEncode(name, false) + "=" + PercentEncode(value, false);
  }
  return out;
}

// <CopyObjectResult><ETag>..</ETag>..
Result<PutResult> CopyResultFrom(const Response& response, const RequestContext& context) {
  XmlReader reader(response.body);
  std::string_view name;
  PutResult result;
  result.version_id = response.headers.info.version_id;
  if (!reader.NextElement(&name) || name != "CopyObjectResult") {
    return MalformedResponse("the response was no CopyObjectResult", context);
  }
  while (reader.NextElement(&name)) {
    if (name == "ETag")
      result.etag = reader.Text();
    else if (name == "ChecksumCRC64NVME")
      result.checksum_crc64nvme = reader.Text();
    else
      reader.Skip();
  }
  if (!reader.ok() || result.etag.empty())
    return MalformedResponse("the CopyObjectResult was cut short", context);
  return result;
}

}  // namespace

std::string DecodeKey(std::string_view text) {
  return PercentDecode(text, PlusSign::kSpace).value_or(std::string(text));
}

void AddConditionHeaders(const PutOptions& options, Request* request) {
  if (options.if_none_match) request->headers.emplace_back("If-None-Match", "*");
  AddIfSet("If-Match", options.if_match, request);
}

void AddPutHeaders(const PutOptions& options, Request* request) {
  AddIfSet("Content-Type", options.content_type, request);
  AddIfSet("Content-Encoding", options.content_encoding, request);
  AddIfSet("Cache-Control", options.cache_control, request);
  AddIfSet("x-amz-storage-class", options.storage_class, request);
  AddIfSet("x-amz-server-side-encryption", options.server_side_encryption, request);
  AddIfSet("x-amz-server-side-encryption-aws-kms-key-id", options.sse_kms_key_id, request);
  AddIfSet("x-amz-tagging", Tags(options.tags), request);
  for (const auto& [name, value] : options.metadata)
    request->headers.emplace_back("x-amz-meta-" + name, value);
}

CrtStore::CrtStore(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}

CrtStore::~CrtStore() {
  for (const auto& [host, pool] : pools_) pool->Close();
}

std::shared_ptr<HttpPool> CrtStore::PoolFor(const std::string& bucket) {
  const bool path_style = bucket.empty() || UsesPathStyle(config(), bucket);
  std::string host = path_style ? config().host : bucket + "." + config().host;
  std::lock_guard lock(mutex_);
  std::shared_ptr<HttpPool>& pool = pools_[host];
  if (!pool) pool = std::make_shared<HttpPool>(connection_, std::move(host));
  return pool;
}

Request CrtStore::NewRequest(const char* operation, const char* method, const S3Url& url,
                             const char* answer) const {
  Request request;
  request.answer = answer;
  request.context.operation = operation;
  request.context.url = url;
  request.method = method;
  request.path = RequestPath(connection_->config(), url.bucket, url.key);
  return request;
}

OperationPtr CrtStore::Start(Request request, Completion<Response> done) {
  std::shared_ptr<HttpPool> pool = PoolFor(request.context.url.bucket);
  return StartRequest(connection_, std::move(pool), std::move(request), std::move(done));
}

Request CrtStore::GetRequestFor(const GetRequest& get) const {
  Request request = NewRequest("GetObject", "GET", get.url);
  if (!get.version_id.empty()) request.path += "?versionId=" + PercentEncode(get.version_id, false);
  if (!get.whole) {
    request.context.range = get.range.ToString();
    request.headers.emplace_back("Range", get.range.ToHttpHeader());
  } else if (config().response_checksum == ChecksumPolicy::kWhenSupported) {
    request.headers.emplace_back("x-amz-checksum-mode", "ENABLED");
  }
  AddIfSet("If-Match", get.if_match, &request);
  return request;
}

OperationPtr CrtStore::Get(GetRequest get, Completion<GetResult> done) {
  const std::shared_ptr<HttpPool> pool = PoolFor(get.url.bucket);
  const bool known = get.range.end && get.destination.size >= *get.range.end - get.range.start;
  if (get.file || !known || *get.range.end - get.range.start <= config().part_size)
    return GetOne(pool, std::move(get), nullptr, std::move(done));
  // Twice the connections: one part under way and the next one waiting.
  const size_t connections = config().Connections();
  ParallelGetOptions options{config().part_size, 2 * connections, connections, nullptr};
  if (get.whole && config().response_checksum == ChecksumPolicy::kWhenSupported) {
    options.ask_checksum = [self = shared_from_this(), head = HeadRequest{get.url, get.version_id}](
                               auto answer) { return self->Head(head, std::move(answer)); };
  }
  get.whole = get.driven = false;  // of its parts, none is
  auto get_part = [self = shared_from_this(), pool](GetRequest part, auto on_object,
                                                    auto part_done) {
    return self->GetOne(pool, std::move(part), std::move(on_object), std::move(part_done));
  };
  return StartParallelGet(options, std::move(get_part), std::move(get), std::move(done));
}

OperationPtr CrtStore::GetOne(const std::shared_ptr<HttpPool>& pool, GetRequest get,
                              OnObject on_object, Completion<GetResult> done) {
  if (get.range.start == 0 && !get.whole) done = OrEmptyObject(get, std::move(done));
  Request request = GetRequestFor(get);
  request.driven = get.driven;
  return StartGet(connection_, pool, {std::move(get), std::move(request), std::move(on_object)},
                  std::move(done));
}

// A range of an empty object is not satisfiable, but what the caller wants are its zero bytes.
Completion<GetResult> CrtStore::OrEmptyObject(const GetRequest& get, Completion<GetResult> done) {
  return [self = shared_from_this(), head = HeadRequest{get.url, get.version_id},
          done = std::move(done)](Result<GetResult> result) {
    if (result.ok() || result.error().code != ErrorCode::kRange) return done(std::move(result));
    self->Head(head, [done, range_error = std::move(result).error()](Result<ObjectInfo> info) {
      if (!info.ok() || info.value().size != 0) return done(range_error);
      GetResult empty;
      empty.info = std::move(info).value();
      done(std::move(empty));
    });
  };
}

OperationPtr CrtStore::Head(HeadRequest head, Completion<ObjectInfo> done) {
  Request request = NewRequest("HeadObject", "HEAD", head.url);
  if (!head.version_id.empty())
    request.path += "?versionId=" + PercentEncode(head.version_id, false);
  if (config().response_checksum == ChecksumPolicy::kWhenSupported) {
    request.headers.emplace_back("x-amz-checksum-mode", "ENABLED");
  }
  request.driven = head.driven;
  return Start(std::move(request),
               [done = std::move(done), key = std::move(head.url.key)](Result<Response> response) {
                 if (!response.ok()) return done(std::move(response).error());
                 done(response.value().headers.Info(key));
               });
}

OperationPtr CrtStore::Put(PutRequest put, Completion<PutResult> done) {
  Request request = NewRequest("PutObject", "PUT", put.url);
  request.body = put.body;
  request.driven = put.driven;
  AddPutHeaders(put.options, &request);
  AddConditionHeaders(put.options, &request);
  AddIfSet("x-amz-checksum-crc64nvme", put.checksum_crc64nvme, &request);
  return Send(std::move(request), std::move(done));
}

OperationPtr CrtStore::Send(Request request, Completion<PutResult> done) {
  std::shared_ptr<HttpPool> pool = PoolFor(request.context.url.bucket);
  return StartPut(connection_, std::move(pool), std::move(request), std::move(done));
}

OperationPtr CrtStore::Delete(S3Url url, std::string version_id, Completion<std::monostate> done) {
  Request request = NewRequest("DeleteObject", "DELETE", url);
  if (!version_id.empty()) request.path += "?versionId=" + PercentEncode(version_id, false);
  return Start(std::move(request), [done = std::move(done)](Result<Response> response) {
    done(response.ok() ? Ok() : Status(std::move(response).error()));
  });
}

OperationPtr CrtStore::Copy(CopyRequest copy, Completion<PutResult> done) {
  Request request = NewRequest("CopyObject", "PUT", copy.url, "CopyObjectResult");
  request.laborious = true;
  std::string source = "/" + copy.source.bucket + "/" + PercentEncode(copy.source.key, true);
  if (!copy.source_version_id.empty())
    source += "?versionId=" + PercentEncode(copy.source_version_id, false);
  request.headers.emplace_back("x-amz-copy-source", source);
  AddIfSet("x-amz-copy-source-if-match", copy.source_etag, &request);
  if (copy.replace_metadata) request.headers.emplace_back("x-amz-metadata-directive", "REPLACE");
  if (!copy.options.tags.empty())
    request.headers.emplace_back("x-amz-tagging-directive", "REPLACE");
  AddPutHeaders(copy.options, &request);
  AddConditionHeaders(copy.options, &request);
  const RequestContext context = request.context;
  return Start(std::move(request), [done = std::move(done), context](Result<Response> response) {
    if (!response.ok()) return done(std::move(response).error());
    done(CopyResultFrom(response.value(), context));
  });
}

}  // namespace s3native::crt
