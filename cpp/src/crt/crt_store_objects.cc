// Get, Head, Put, Delete, Copy: one object, one meta request.
#include <charconv>

#include "crt/crt_store.h"
#include "percent_encoding.h"
#include "time_format.h"
#include "xml_reader.h"

namespace s3native::crt {
namespace {

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

void AddIfSet(const char* name, const std::string& value, MetaRequest* request) {
  if (!value.empty()) request->headers.emplace_back(name, value);
}

void AddMetadata(const aws_http_headers* headers, ObjectInfo* info) {
  constexpr std::string_view kPrefix = "x-amz-meta-";
  for (size_t i = 0; i < aws_http_headers_count(headers); ++i) {
    aws_http_header header;
    aws_http_headers_get_index(headers, i, &header);
    if (header.name.len <= kPrefix.size()) continue;
    std::string name = Lower(View(header.name));
    if (name.starts_with(kPrefix)) info->metadata[name.substr(kPrefix.size())] = View(header.value);
  }
}

std::string Tags(const std::map<std::string, std::string>& tags) {
  std::string out;
  for (const auto& [name, value] : tags) {
    if (!out.empty()) out += '&';
    out += PercentEncode(name, false) + "=" + PercentEncode(value, false);
  }
  return out;
}

PutResult PutResultFrom(const MetaResponse& response) {
  PutResult result;
  result.etag = response.Header("ETag");
  result.version_id = response.Header("x-amz-version-id");
  result.checksum_crc64nvme = response.Header("x-amz-checksum-crc64nvme");
  return result;
}

// <CopyObjectResult><ETag>..</ETag>..; a body that starts with <Error> is turned into a failure by the CRT.
Result<PutResult> CopyResultFrom(const MetaResponse& response, const RequestContext& context) {
  XmlReader reader(response.body);
  std::string_view name;
  PutResult result;
  result.version_id = response.Header("x-amz-version-id");
  if (!reader.NextElement(&name) || name != "CopyObjectResult") {
    return MalformedResponse("the response was no CopyObjectResult", context);
  }
  while (reader.NextElement(&name)) {
    if (name == "ETag") result.etag = reader.Text();
    else if (name == "ChecksumCRC64NVME") result.checksum_crc64nvme = reader.Text();
    else reader.Skip();
  }
  if (!reader.ok() || result.etag.empty()) return MalformedResponse("the CopyObjectResult was cut short", context);
  return result;
}

Completion<MetaResponse> ForPutResult(Completion<PutResult> done) {
  return [done = std::move(done)](Result<MetaResponse> response) {
    if (!response.ok()) return done(std::move(response).error());
    done(PutResultFrom(response.value()));
  };
}

}  // namespace

std::string DecodeKey(std::string_view text) {
  return PercentDecode(text, PlusSign::kSpace).value_or(std::string(text));
}

ObjectInfo InfoFromHeaders(const MetaResponse& response, const std::string& key) {
  ObjectInfo info;
  info.key = key;
  const std::string_view content_range = response.Header("Content-Range");
  std::optional<ContentRange> range = content_range.empty() ? std::nullopt : ParseContentRange(content_range);
  if (range && range->size) {
    info.size = *range->size;
  } else {
    const std::string_view length = response.Header("Content-Length");
    std::from_chars(length.data(), length.data() + length.size(), info.size);
  }
  info.etag = response.Header("ETag");
  info.last_modified_ms = ParseHttpDate(response.Header("Last-Modified"));
  info.version_id = response.Header("x-amz-version-id");
  info.storage_class = response.Header("x-amz-storage-class");
  info.content_type = response.Header("Content-Type");
  info.content_encoding = response.Header("Content-Encoding");
  if (response.Header("x-amz-checksum-type") != "COMPOSITE") {
    info.checksum_crc64nvme = response.Header("x-amz-checksum-crc64nvme");
  }
  if (response.headers) AddMetadata(response.headers.get(), &info);
  return info;
}

void AddConditionHeaders(const PutOptions& options, MetaRequest* request) {
  if (options.if_none_match) request->headers.emplace_back("If-None-Match", "*");
  AddIfSet("If-Match", options.if_match, request);
}

void AddPutHeaders(const PutOptions& options, MetaRequest* request) {
  AddIfSet("Content-Type", options.content_type, request);
  AddIfSet("Content-Encoding", options.content_encoding, request);
  AddIfSet("Cache-Control", options.cache_control, request);
  AddIfSet("x-amz-storage-class", options.storage_class, request);
  AddIfSet("x-amz-server-side-encryption", options.server_side_encryption, request);
  AddIfSet("x-amz-server-side-encryption-aws-kms-key-id", options.sse_kms_key_id, request);
  AddIfSet("x-amz-tagging", Tags(options.tags), request);
  for (const auto& [name, value] : options.metadata) request->headers.emplace_back("x-amz-meta-" + name, value);
}

MetaRequest CrtStore::NewRequest(const char* operation, const char* method, const S3Url& url) const {
  MetaRequest request;
  request.context.operation = operation;
  request.context.url = url;
  request.method = method;
  request.path = RequestPath(connection_->config(), url.bucket, url.key);
  return request;
}

OperationPtr CrtStore::Start(MetaRequest request, Completion<MetaResponse> done) {
  return StartMetaRequest(connection_, std::move(request), std::move(done));
}

OperationPtr CrtStore::Get(GetRequest get, Completion<GetResult> done) {
  MetaRequest request = NewRequest("GetObject", "GET", get.url);
  if (!get.version_id.empty()) request.path += "?versionId=" + PercentEncode(get.version_id, false);
  request.context.range = get.range.ToString();
  request.headers.emplace_back("Range", get.range.ToHttpHeader());
  AddIfSet("If-Match", get.if_match, &request);
  request.receive_into = true;
  request.destination = get.destination;
  return Start(std::move(request), [done = std::move(done), key = std::move(get.url.key)](Result<MetaResponse> response) {
    if (!response.ok()) return done(std::move(response).error());
    GetResult result;
    result.received = response.value().received;
    result.info = InfoFromHeaders(response.value(), key);
    result.checksum_validated = response.value().checksum_validated;
    done(std::move(result));
  });
}

OperationPtr CrtStore::Head(HeadRequest head, Completion<ObjectInfo> done) {
  MetaRequest request = NewRequest("HeadObject", "HEAD", head.url);
  if (!head.version_id.empty()) request.path += "?versionId=" + PercentEncode(head.version_id, false);
  if (config().response_checksum == ChecksumPolicy::kWhenSupported) {
    request.headers.emplace_back("x-amz-checksum-mode", "ENABLED");
  }
  return Start(std::move(request), [done = std::move(done), key = std::move(head.url.key)](Result<MetaResponse> response) {
    if (!response.ok()) return done(std::move(response).error());
    done(InfoFromHeaders(response.value(), key));
  });
}

OperationPtr CrtStore::Put(PutRequest put, Completion<PutResult> done) {
  MetaRequest request = NewRequest("PutObject", "PUT", put.url);
  request.body = put.body;
  AddPutHeaders(put.options, &request);
  AddConditionHeaders(put.options, &request);
  AddIfSet("x-amz-checksum-crc64nvme", put.checksum_crc64nvme, &request);
  return Start(std::move(request), ForPutResult(std::move(done)));
}

OperationPtr CrtStore::Delete(S3Url url, std::string version_id, Completion<std::monostate> done) {
  MetaRequest request = NewRequest("DeleteObject", "DELETE", url);
  if (!version_id.empty()) request.path += "?versionId=" + PercentEncode(version_id, false);
  return Start(std::move(request), [done = std::move(done)](Result<MetaResponse> response) {
    done(response.ok() ? Ok() : Status(std::move(response).error()));
  });
}

OperationPtr CrtStore::Copy(CopyRequest copy, Completion<PutResult> done) {
  MetaRequest request = NewRequest("CopyObject", "PUT", copy.url);
  std::string source = "/" + copy.source.bucket + "/" + PercentEncode(copy.source.key, true);
  if (!copy.source_version_id.empty()) source += "?versionId=" + PercentEncode(copy.source_version_id, false);
  request.headers.emplace_back("x-amz-copy-source", source);
  AddIfSet("x-amz-copy-source-if-match", copy.source_etag, &request);
  if (copy.replace_metadata) request.headers.emplace_back("x-amz-metadata-directive", "REPLACE");
  if (!copy.options.tags.empty()) request.headers.emplace_back("x-amz-tagging-directive", "REPLACE");
  AddPutHeaders(copy.options, &request);
  AddConditionHeaders(copy.options, &request);
  const RequestContext context = request.context;
  return Start(std::move(request), [done = std::move(done), context](Result<MetaResponse> response) {
    if (!response.ok()) return done(std::move(response).error());
    done(CopyResultFrom(response.value(), context));
  });
}

}  // namespace s3native::crt
