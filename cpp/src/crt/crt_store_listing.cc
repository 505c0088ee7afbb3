// List, DeleteMany and buckets: documents about many keys.
#include <aws/common/encoding.h>

#include <charconv>

#include "crt/crt_store.h"
#include "md5.h"
#include "percent_encoding.h"
#include "time_format.h"
#include "xml_reader.h"

namespace s3native::crt {
namespace {

// Nothing when an object has no size, or one that is no number.
std::optional<ObjectInfo> ParseObject(XmlReader* reader) {
  ObjectInfo info;
  bool has_size = false;
  std::string_view name;
  while (reader->NextElement(&name)) {
    if (name == "Key") {
      info.key = DecodeKey(reader->RawText());
    } else if (name == "Size") {
      const std::string_view text = reader->RawText();
      const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), info.size);
      has_size = failed == std::errc() && end == text.data() + text.size();
    } else if (name == "ETag") {
      info.etag = reader->Text();
    } else if (name == "LastModified") {
      info.last_modified_ms = ParseIso8601(reader->RawText());
    } else if (name == "StorageClass") {
      info.storage_class = reader->RawText();
    } else {
      reader->Skip();
    }
  }
  if (!has_size) return std::nullopt;
  return info;
}

// The only child of <CommonPrefixes>.
std::string ParsePrefix(XmlReader* reader) {
  std::string prefix;
  std::string_view name;
  while (reader->NextElement(&name)) {
    if (name == "Prefix")
      prefix = DecodeKey(reader->RawText());
    else
      reader->Skip();
  }
  return prefix;
}

Result<ListPage> ParseListing(std::string_view document, const RequestContext& context) {
  XmlReader reader(document);
  std::string_view name;
  ListPage page;
  bool truncated = false;
  if (!reader.NextElement(&name) || name != "ListBucketResult") {
    return MalformedResponse("the response was no ListBucketResult", context);
  }
  page.objects.reserve(1000);
  while (reader.NextElement(&name)) {
    if (name == "Contents") {
      std::optional<ObjectInfo> object = ParseObject(&reader);
      if (!object && reader.ok())
        return MalformedResponse("the listing has an object without a size", context);
      if (object) page.objects.push_back(std::move(*object));
    } else if (name == "CommonPrefixes")
      page.prefixes.push_back(ParsePrefix(&reader));
    else if (name == "IsTruncated")
      truncated = reader.RawText() == "true";
    else if (name == "NextContinuationToken")
      page.next_token = reader.Text();
    else
      reader.Skip();
  }
  if (!reader.ok()) return MalformedResponse("the listing was cut short", context);
  if (!truncated) page.next_token.clear();
  if (truncated && page.next_token.empty()) {
    return MalformedResponse("the listing was truncated without a continuation token", context);
  }
  return page;
}

Result<std::vector<DeleteError>> ParseDeleteResult(std::string_view document,
                                                   const RequestContext& context) {
  XmlReader reader(document);
  std::string_view name;
  std::vector<DeleteError> errors;
  if (!reader.NextElement(&name) || name != "DeleteResult") {
    return MalformedResponse("the response was no DeleteResult", context);
  }
  while (reader.NextElement(&name)) {
    if (name != "Error") {
      reader.Skip();
      continue;
    }
    DeleteError error;
    while (reader.NextElement(&name)) {
      if (name == "Key")
        error.key = reader.Text();
      else if (name == "Code")
        error.code = reader.Text();
      else if (name == "Message")
        error.message = reader.Text();
      else
        reader.Skip();
    }
    errors.push_back(std::move(error));
  }
  if (!reader.ok()) return MalformedResponse("the DeleteResult was cut short", context);
  return errors;
}

Result<std::vector<BucketInfo>> ParseBuckets(std::string_view document,
                                             const RequestContext& context) {
  XmlReader reader(document);
  std::string_view name;
  std::vector<BucketInfo> buckets;
  if (!reader.NextElement(&name) || name != "ListAllMyBucketsResult") {
    return MalformedResponse("the response was no ListAllMyBucketsResult", context);
  }
  while (reader.NextElement(&name)) {
    if (name != "Buckets") {
      reader.Skip();
      continue;
    }
    while (reader.NextElement(&name)) {
      BucketInfo bucket;
      while (reader.NextElement(&name)) {
        if (name == "Name")
          bucket.name = reader.Text();
        else if (name == "CreationDate")
          bucket.created_ms = ParseIso8601(reader.RawText());
        else
          reader.Skip();
      }
      buckets.push_back(std::move(bucket));
    }
  }
  if (!reader.ok()) return MalformedResponse("the listing of buckets was cut short", context);
  return buckets;
}

// DeleteObjects demands it: servers older than flexible checksums know nothing else.
std::string ContentMd5(std::string_view document) {
  const std::string digest = Md5(document);
  char text[32];
  aws_byte_buf text_buffer = aws_byte_buf_from_empty_array(text, sizeof(text));
  const aws_byte_cursor digest_cursor = Cursor(digest);
  aws_base64_encode(&digest_cursor, &text_buffer);
  const std::string_view encoded = View(aws_byte_cursor_from_buf(&text_buffer));
  return std::string(encoded.substr(0, encoded.find('\0')));
}

// Of a request that was sent again, `s3_code` says that the first time it was done, and only the
// answer was lost.
Completion<Response> UnlessDone(const char* s3_code, Completion<std::monostate> done) {
  return [s3_code, done = std::move(done)](Result<Response> response) {
    const bool is_done =
        response.ok() || (response.error().attempts > 1 && response.error().s3_code == s3_code);
    done(is_done ? Ok() : Status(std::move(response).error()));
  };
}

}  // namespace

OperationPtr CrtStore::List(ListRequest list, Completion<ListPage> done) {
  Request request = NewRequest("ListObjectsV2", "GET", {list.bucket, ""}, "ListBucketResult");
  std::string query = "?";
  if (!list.continuation_token.empty()) {
    query += "continuation-token=" + PercentEncode(list.continuation_token, false) + "&";
  }
  if (!list.delimiter.empty()) query += "delimiter=" + PercentEncode(list.delimiter, false) + "&";
  query += "encoding-type=url&list-type=2&max-keys=" + std::to_string(list.max_keys);
  query += "&prefix=" + PercentEncode(list.prefix, false);
  if (!list.start_after.empty()) query += "&start-after=" + PercentEncode(list.start_after, false);
  request.path += query;
  request.context.url.key = list.prefix;
  const RequestContext context = request.context;
  return Start(std::move(request), [done = std::move(done), context](Result<Response> response) {
    if (!response.ok()) return done(std::move(response).error());
    done(ParseListing(response.value().body, context));
  });
}

OperationPtr CrtStore::DeleteMany(DeleteManyRequest many,
                                  Completion<std::vector<DeleteError>> done) {
  Request request = NewRequest("DeleteObjects", "POST", {many.bucket, ""}, "DeleteResult");
  request.path += "?delete=";
  request.document =
      "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>";
  for (const std::string& key : many.keys)
    request.document += "<Object><Key>" + XmlEscape(key) + "</Key></Object>";
  request.document += "</Delete>";
  request.headers.emplace_back("Content-Type", "application/xml");
  request.headers.emplace_back("Content-MD5", ContentMd5(request.document));
  const RequestContext context = request.context;
  return Start(std::move(request), [done = std::move(done), context](Result<Response> response) {
    if (!response.ok()) return done(std::move(response).error());
    done(ParseDeleteResult(response.value().body, context));
  });
}

OperationPtr CrtStore::CreateBucket(std::string bucket, Completion<std::monostate> done) {
  Request request = NewRequest("CreateBucket", "PUT", {bucket, ""});
  if (!config().custom_endpoint && config().region != "us-east-1") {
    request.document =
        "<CreateBucketConfiguration "
        "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>" +
        XmlEscape(config().region) + "</LocationConstraint></CreateBucketConfiguration>";
    request.headers.emplace_back("Content-Type", "application/xml");
  }
  return Start(std::move(request), UnlessDone("BucketAlreadyOwnedByYou", std::move(done)));
}

OperationPtr CrtStore::DeleteBucket(std::string bucket, Completion<std::monostate> done) {
  return Start(NewRequest("DeleteBucket", "DELETE", {std::move(bucket), ""}),
               UnlessDone("NoSuchBucket", std::move(done)));
}

OperationPtr CrtStore::ListBuckets(Completion<std::vector<BucketInfo>> done) {
  Request request = NewRequest("ListBuckets", "GET", {}, "ListAllMyBucketsResult");
  const RequestContext context = request.context;
  return Start(std::move(request), [done = std::move(done), context](Result<Response> response) {
    if (!response.ok()) return done(std::move(response).error());
    done(ParseBuckets(response.value().body, context));
  });
}

}  // namespace s3native::crt
