// An S3-like server that takes PUTs and multipart uploads, throws the bytes away and keeps count:
// the limit a client can send at. No signature is checked, nothing can be read back. Usage:
// sink_server [PORT]. GET /-/stats answers the counts as JSON, DELETE /-/stats sets them to zero.
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "http_server.h"

namespace {

using s3native::testserver::Connection;
using s3native::testserver::Request;

constexpr char kStatsPath[] = "/-/stats";
constexpr char kEtag[] = "ETag: \"0123456789abcdef0123456789abcdef\"\r\n";
constexpr char kXml[] = "Content-Type: application/xml\r\n";
constexpr char kDeclaration[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
constexpr const char* kChecksumHeaders[] = {"x-amz-checksum-crc64nvme", "x-amz-checksum-crc32c",
                                            "x-amz-checksum-crc32", "x-amz-checksum-sha256"};

struct Counts {
  std::atomic<uint64_t> requests{0};
  std::atomic<uint64_t> objects{0};  // by one PUT each
  std::atomic<uint64_t> parts{0};
  std::atomic<uint64_t> uploads_created{0};
  std::atomic<uint64_t> uploads_completed{0};
  std::atomic<uint64_t> uploads_aborted{0};
  std::atomic<uint64_t> body_bytes{0};  // of PUTs, as sent: aws-chunked framing counted in

  std::string Json() const {
    std::string json = "{";
    const auto add = [&json](const char* name, uint64_t count) {
      json.append(json.size() > 1 ? ", \"" : "\"").append(name).append("\": ");
      json.append(std::to_string(count));
    };
    add("requests", requests);
    add("objects", objects);
    add("parts", parts);
    add("uploads_created", uploads_created);
    add("uploads_completed", uploads_completed);
    add("uploads_aborted", uploads_aborted);
    add("body_bytes", body_bytes);
    return json + "}\n";
  }
  void Reset() {
    for (auto* count : {&requests, &objects, &parts, &uploads_created, &uploads_completed,
                        &uploads_aborted, &body_bytes}) {
      *count = 0;
    }
  }
};

Counts counts;

bool AnswerStats(Connection& connection, const Request& request) {
  if (request.method == "DELETE") counts.Reset();
  return connection.Reply(request, 200, "Content-Type: application/json\r\n", counts.Json());
}

bool AnswerPut(Connection& connection, const Request& request, int64_t body_size) {
  counts.body_bytes += static_cast<uint64_t>(body_size);
  ++(request.HasQuery("partNumber") ? counts.parts : counts.objects);
  std::string headers = kEtag;
  for (const char* name : kChecksumHeaders) {
    const std::string_view value = request.Header(name);
    if (!value.empty()) headers += std::string(name) + ": " + std::string(value) + "\r\n";
  }
  return connection.Reply(request, 200, headers, "");
}

bool AnswerPost(Connection& connection, const Request& request) {
  if (request.HasQuery("uploads")) {
    const std::string upload = std::to_string(++counts.uploads_created);
    return connection.Reply(
        request, 200, kXml,
        kDeclaration + ("<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>" +
                        upload + "</UploadId></InitiateMultipartUploadResult>"));
  }
  if (request.HasQuery("delete")) {
    return connection.Reply(request, 200, kXml,
                            std::string(kDeclaration) + "<DeleteResult></DeleteResult>");
  }
  ++counts.uploads_completed;
  return connection.Reply(
      request, 200, kXml,
      std::string(kDeclaration) +
          "<CompleteMultipartUploadResult><Location>l</Location><Bucket>b</Bucket><Key>k</Key>"
          "<ETag>\"0123456789abcdef0123456789abcdef-1\"</ETag></CompleteMultipartUploadResult>");
}

bool Answer(Connection& connection, const Request& request) {
  const int64_t body_size = connection.DiscardBody(request);
  if (body_size < 0) return false;
  if (request.path == kStatsPath) return AnswerStats(connection, request);
  ++counts.requests;
  if (request.method == "PUT") return AnswerPut(connection, request, body_size);
  if (request.method == "POST") return AnswerPost(connection, request);
  if (request.method == "DELETE") {
    if (request.HasQuery("uploadId")) ++counts.uploads_aborted;
    return connection.Reply(request, 204, "", "");
  }
  const bool is_bucket = request.path.find('/', 1) == std::string::npos;
  return connection.Reply(request, is_bucket ? 200 : 404, kXml, "");
}

}  // namespace

int main(int argc, char** argv) {
  return s3native::testserver::ServeForever(static_cast<uint16_t>(argc > 1 ? atoi(argv[1]) : 0),
                                            Answer);
}
