// Multipart uploads: create, parts, complete, abort, list.
#include <charconv>

#include "crt/crt_store.h"
#include "percent_encoding.h"
#include "time_format.h"
#include "xml_reader.h"

namespace s3native::crt {
namespace {

std::string PartQuery(int part_number, const std::string& upload_id) {
  return "?partNumber=" + std::to_string(part_number) +
         "&uploadId=" + PercentEncode(upload_id, false);
}

std::string CompleteDocument(const std::vector<CompletedPart>& parts) {
  std::string document =
      "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (const CompletedPart& part : parts) {
    document += "<Part><PartNumber>" + std::to_string(part.part_number) + "</PartNumber><ETag>" +
                XmlEscape(part.etag) + "</ETag>";
    if (!part.checksum_crc64nvme.empty()) {
      document += "<ChecksumCRC64NVME>" + part.checksum_crc64nvme + "</ChecksumCRC64NVME>";
    }
    document += "</Part>";
  }
  return document + "</CompleteMultipartUpload>";
}

// 0 when it is no number.
int NumberFrom(std::string_view text) {
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// The text of `wanted` below the root element `root`, or empty.
std::string ChildText(std::string_view document, std::string_view root, std::string_view wanted) {
  XmlReader reader(document);
  std::string_view name;
  std::string text;
  if (!reader.NextElement(&name) || name != root) return {};
  while (reader.NextElement(&name)) {
    if (name == wanted)
      text = reader.Text();
    else
      reader.Skip();
  }
  return reader.ok() ? text : std::string();
}

PendingUpload ParseUpload(XmlReader* reader) {
  PendingUpload upload;
  std::string_view name;
  while (reader->NextElement(&name)) {
    if (name == "Key")
      upload.key = DecodeKey(reader->RawText());
    else if (name == "UploadId")
      upload.upload_id = reader->Text();
    else if (name == "Initiated")
      upload.initiated_ms = ParseIso8601(reader->RawText());
    else
      reader->Skip();
  }
  return upload;
}

Result<UploadsPage> ParseUploads(std::string_view document, const RequestContext& context) {
  XmlReader reader(document);
  std::string_view name;
  UploadsPage page;
  bool truncated = false;
  if (!reader.NextElement(&name) || name != "ListMultipartUploadsResult") {
    return MalformedResponse("the response was no ListMultipartUploadsResult", context);
  }
  while (reader.NextElement(&name)) {
    if (name == "Upload")
      page.uploads.push_back(ParseUpload(&reader));
    else if (name == "IsTruncated")
      truncated = reader.RawText() == "true";
    else if (name == "NextKeyMarker")
      page.next_key_marker = DecodeKey(reader.RawText());
    else if (name == "NextUploadIdMarker")
      page.next_upload_id_marker = reader.Text();
    else
      reader.Skip();
  }
  if (!reader.ok()) return MalformedResponse("the listing of uploads was cut short", context);
  if (!truncated) page.next_key_marker.clear();
  return page;
}

CompletedPart ParsePart(XmlReader* reader) {
  CompletedPart part;
  std::string_view name;
  while (reader->NextElement(&name)) {
    if (name == "PartNumber")
      part.part_number = NumberFrom(reader->RawText());
    else if (name == "ETag")
      part.etag = reader->Text();
    else if (name == "ChecksumCRC64NVME")
      part.checksum_crc64nvme = reader->Text();
    else
      reader->Skip();
  }
  return part;
}

Result<PartsPage> ParseParts(std::string_view document, const RequestContext& context) {
  XmlReader reader(document);
  std::string_view name;
  PartsPage page;
  bool truncated = false;
  if (!reader.NextElement(&name) || name != "ListPartsResult")
    return MalformedResponse("the response was no ListPartsResult", context);
  while (reader.NextElement(&name)) {
    if (name == "Part")
      page.parts.push_back(ParsePart(&reader));
    else if (name == "IsTruncated")
      truncated = reader.RawText() == "true";
    else if (name == "NextPartNumberMarker")
      page.next_part_number_marker = NumberFrom(reader.RawText());
    else
      reader.Skip();
  }
  if (!reader.ok()) return MalformedResponse("the listing of parts was cut short", context);
  if (!truncated) page.next_part_number_marker = 0;
  return page;
}

}  // namespace

OperationPtr CrtStore::CreateUpload(CreateUploadRequest create, Completion<CreatedUpload> done) {
  Request request =
      NewRequest("CreateMultipartUpload", "POST", create.url, "InitiateMultipartUploadResult");
  request.path += "?uploads=";
  AddPutHeaders(create.options, &request);
  if (create.crc64nvme) {
    request.headers.emplace_back("x-amz-checksum-algorithm", "CRC64NVME");
    request.headers.emplace_back("x-amz-checksum-type", "FULL_OBJECT");
  }
  const RequestContext context = request.context;
  return Start(std::move(request), [done = std::move(done), context](Result<Response> response) {
    if (!response.ok()) return done(std::move(response).error());
    std::string upload_id =
        ChildText(response.value().body, "InitiateMultipartUploadResult", "UploadId");
    if (upload_id.empty()) return done(MalformedResponse("the response had no upload ID", context));
    done(CreatedUpload{std::move(upload_id), response.value().attempts > 1});
  });
}

OperationPtr CrtStore::UploadPart(UploadPartRequest part, Completion<CompletedPart> done) {
  Request request = NewRequest("UploadPart", "PUT", part.url);
  request.path += PartQuery(part.part_number, part.upload_id);
  request.body = part.body;
  if (!part.checksum_crc64nvme.empty()) {
    request.headers.emplace_back("x-amz-checksum-crc64nvme", part.checksum_crc64nvme);
  }
  const RequestContext context = request.context;
  return Send(std::move(request), [done = std::move(done), context, part_number = part.part_number,
                                   checksum = part.checksum_crc64nvme](Result<PutResult> result) {
    if (!result.ok()) return done(std::move(result).error());
    CompletedPart completed{part_number, std::move(result.value().etag), checksum};
    if (completed.etag.empty()) return done(MalformedResponse("the response had no ETag", context));
    done(std::move(completed));
  });
}

OperationPtr CrtStore::UploadPartCopy(UploadPartCopyRequest part, Completion<CompletedPart> done) {
  Request request = NewRequest("UploadPartCopy", "PUT", part.url, "CopyPartResult");
  request.laborious = true;
  request.path += PartQuery(part.part_number, part.upload_id);
  request.context.range = part.range.ToString();
  std::string source = "/" + part.source.bucket + "/" + PercentEncode(part.source.key, true);
  if (!part.source_version_id.empty())
    source += "?versionId=" + PercentEncode(part.source_version_id, false);
  request.headers.emplace_back("x-amz-copy-source", source);
  request.headers.emplace_back("x-amz-copy-source-range", part.range.ToHttpHeader());
  if (!part.source_etag.empty())
    request.headers.emplace_back("x-amz-copy-source-if-match", part.source_etag);
  const RequestContext context = request.context;
  return Start(std::move(request), [done = std::move(done), context,
                                    part_number = part.part_number](Result<Response> response) {
    if (!response.ok()) return done(std::move(response).error());
    CompletedPart completed;
    completed.part_number = part_number;
    completed.etag = ChildText(response.value().body, "CopyPartResult", "ETag");
    if (completed.etag.empty())
      return done(MalformedResponse("the CopyPartResult had no ETag", context));
    done(std::move(completed));
  });
}

OperationPtr CrtStore::CompleteUpload(CompleteUploadRequest complete, Completion<PutResult> done) {
  Request request =
      NewRequest("CompleteMultipartUpload", "POST", complete.url, "CompleteMultipartUploadResult");
  request.laborious = true;
  request.path += "?uploadId=" + PercentEncode(complete.upload_id, false);
  request.document = CompleteDocument(complete.parts);
  request.headers.emplace_back("Content-Type", "application/xml");
  if (!complete.checksum_crc64nvme.empty()) {
    request.headers.emplace_back("x-amz-checksum-crc64nvme", complete.checksum_crc64nvme);
    request.headers.emplace_back("x-amz-checksum-type", "FULL_OBJECT");
    request.headers.emplace_back("x-amz-mp-object-size", std::to_string(complete.object_size));
  }
  AddConditionHeaders(complete.options, &request);
  const RequestContext context = request.context;
  return Start(std::move(request), [done = std::move(done), context](Result<Response> response) {
    if (!response.ok()) return done(std::move(response).error());
    Response& ok = response.value();
    PutResult result;
    result.etag = ChildText(ok.body, "CompleteMultipartUploadResult", "ETag");
    result.checksum_crc64nvme =
        ChildText(ok.body, "CompleteMultipartUploadResult", "ChecksumCRC64NVME");
    result.version_id = std::move(ok.headers.info.version_id);
    if (result.etag.empty())
      return done(MalformedResponse("the CompleteMultipartUploadResult had no ETag", context));
    done(std::move(result));
  });
}

OperationPtr CrtStore::AbortUpload(S3Url url, std::string upload_id,
                                   Completion<std::monostate> done) {
  Request request = NewRequest("AbortMultipartUpload", "DELETE", url);
  request.path += "?uploadId=" + PercentEncode(upload_id, false);
  return Start(std::move(request), [done = std::move(done)](Result<Response> response) {
    done(response.ok() ? Ok() : Status(std::move(response).error()));
  });
}

OperationPtr CrtStore::ListParts(ListPartsRequest list, Completion<PartsPage> done) {
  Request request = NewRequest("ListParts", "GET", list.url, "ListPartsResult");
  if (list.part_number_marker != 0)
    request.path += "?part-number-marker=" + std::to_string(list.part_number_marker) + "&";
  else
    request.path += "?";
  request.path += "uploadId=" + PercentEncode(list.upload_id, false);
  const RequestContext context = request.context;
  return Start(std::move(request), [done = std::move(done), context](Result<Response> response) {
    if (!response.ok()) return done(std::move(response).error());
    done(ParseParts(response.value().body, context));
  });
}

OperationPtr CrtStore::ListUploads(ListUploadsRequest list, Completion<UploadsPage> done) {
  Request request =
      NewRequest("ListMultipartUploads", "GET", {list.bucket, ""}, "ListMultipartUploadsResult");
  request.path += "?encoding-type=url";
  if (!list.key_marker.empty())
    request.path += "&key-marker=" + PercentEncode(list.key_marker, false);
  if (!list.prefix.empty()) request.path += "&prefix=" + PercentEncode(list.prefix, false);
  if (!list.upload_id_marker.empty()) {
    request.path += "&upload-id-marker=" + PercentEncode(list.upload_id_marker, false);
  }
  request.path += "&uploads=";
  const RequestContext context = request.context;
  return Start(std::move(request), [done = std::move(done), context](Result<Response> response) {
    if (!response.ok()) return done(std::move(response).error());
    done(ParseUploads(response.value().body, context));
  });
}

}  // namespace s3native::crt
