// An S3-like server that lists keys which exist only as a formula: what a client's listing costs,
// up to billions of keys. Pages look like MinIO's. No signature is checked; there are no bodies to
// read. Usage: list_server [PORT [PAGE_SIZE]]. The bucket's name says how many keys it has:
// s3://keys-1000000/.
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http_server.h"

namespace {

using s3native::testserver::Connection;
using s3native::testserver::Request;

constexpr std::string_view kBucketPrefix = "keys-";
constexpr std::string_view kKeyForm = "data/part-000000/0000000000.jpg";
constexpr size_t kFolderEnd = 16, kFolderDigits = 6;
constexpr size_t kNumberEnd = 27, kNumberDigits = 10;
constexpr uint64_t kKeysPerFolder = 10'000;
constexpr uint64_t kMaxKeys = kKeysPerFolder * 1'000'000;
constexpr std::string_view kXml = "Content-Type: application/xml\r\n";

uint64_t page_size_limit = 1000;

void WriteDigits(char* end, size_t digits, uint64_t value) {
  for (; digits > 0; --digits, value /= 10) *--end = static_cast<char>('0' + value % 10);
}

// Writes key number `index` over `destination`, which holds kKeyForm. Keys sort like their numbers.
void WriteKey(char* destination, uint64_t index) {
  WriteDigits(destination + kFolderEnd, kFolderDigits, index / kKeysPerFolder);
  WriteDigits(destination + kNumberEnd, kNumberDigits, index);
}

std::string KeyAt(uint64_t index) {
  std::string key(kKeyForm);
  WriteKey(key.data(), index);
  return key;
}

// The first of `count` keys for which `is_past(key)` holds; `is_past` must be monotonic.
template <typename IsPast>
uint64_t FirstKey(uint64_t count, IsPast is_past) {
  uint64_t low = 0, high = count;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    if (is_past(KeyAt(middle))) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

uint64_t FirstKeyBeyondPrefix(uint64_t count, std::string_view prefix) {
  return FirstKey(count, [&](const std::string& key) {
    return std::string_view(key).substr(0, prefix.size()) > prefix;
  });
}

uint64_t ParseNumber(std::string_view text, uint64_t fallback) {
  uint64_t value = fallback;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

struct Page {
  std::string entries;
  uint64_t entry_count = 0;
  uint64_t next = 0;  // index of the key after the last one told
};

void AppendObject(std::string* entries, uint64_t index) {
  static const std::string form =
      "<Contents><Key>" + std::string(kKeyForm) +
      "</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified>"
      "<ETag>&#34;d41d8cd98f00b2040000000000000000&#34;</ETag><Size>110000</Size>"
      "<StorageClass>STANDARD</StorageClass></Contents>";
  static const size_t key_at = form.find(kKeyForm);
  static const size_t etag_end = form.find("&#34;</ETag>");
  const size_t begin = entries->size();
  entries->append(form);
  WriteKey(entries->data() + begin + key_at, index);
  WriteDigits(entries->data() + begin + etag_end, 16, index);
}

// Fills a page with the keys [first, end): objects, or common prefixes where `delimiter` follows
// `prefix`.
Page MakePage(uint64_t first, uint64_t end, uint64_t limit, std::string_view prefix,
              std::string_view delimiter) {
  Page page;
  page.next = first;
  page.entries.reserve(limit * 256);
  while (page.next < end && page.entry_count < limit) {
    const std::string key = delimiter.empty() ? std::string() : KeyAt(page.next);
    const size_t cut = delimiter.empty() ? std::string::npos : key.find(delimiter, prefix.size());
    if (cut == std::string::npos) {
      AppendObject(&page.entries, page.next++);
    } else {
      const std::string common = key.substr(0, cut + delimiter.size());
      page.entries += "<CommonPrefixes><Prefix>" + common + "</Prefix></CommonPrefixes>";
      page.next = FirstKeyBeyondPrefix(end, common);
    }
    ++page.entry_count;
  }
  return page;
}

std::string ListPage(const Request& request, std::string_view bucket, uint64_t count) {
  const std::string prefix = request.QueryValue("prefix");
  const std::string delimiter = request.QueryValue("delimiter");
  const std::string start_after = request.QueryValue("start-after");
  const std::string token = request.QueryValue("continuation-token");
  const uint64_t limit =
      std::min(page_size_limit, ParseNumber(request.QueryValue("max-keys"), page_size_limit));
  uint64_t first = FirstKey(count, [&](const std::string& key) { return key >= prefix; });
  if (!start_after.empty()) {
    first =
        std::max(first, FirstKey(count, [&](const std::string& key) { return key > start_after; }));
  }
  if (!token.empty()) first = std::max(first, ParseNumber(token, 0));
  const uint64_t end = FirstKeyBeyondPrefix(count, prefix);
  Page page = MakePage(first, end, limit, prefix, delimiter);
  const bool truncated = page.next < end;
  std::string xml =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>";
  xml += bucket;
  xml += "</Name><Prefix>" + prefix + "</Prefix>";
  if (truncated) {
    xml += "<NextContinuationToken>" + std::to_string(page.next) + "</NextContinuationToken>";
  }
  xml += "<KeyCount>" + std::to_string(page.entry_count) + "</KeyCount><MaxKeys>" +
         std::to_string(limit) + "</MaxKeys>";
  if (!delimiter.empty()) xml += "<Delimiter>" + delimiter + "</Delimiter>";
  xml += std::string("<IsTruncated>") + (truncated ? "true" : "false") + "</IsTruncated>";
  return xml + page.entries + "</ListBucketResult>";
}

bool Answer(Connection& connection, const Request& request) {
  if (connection.DiscardBody(request) < 0) return false;
  std::string_view bucket(request.path);
  bucket.remove_prefix(std::min<size_t>(1, bucket.size()));
  bucket = bucket.substr(0, bucket.find('/'));
  const bool is_bucket =
      bucket.starts_with(kBucketPrefix) && request.path.size() <= bucket.size() + 2;
  if (!is_bucket || (request.method != "GET" && request.method != "HEAD")) {
    return connection.Reply(request, 404, kXml, "<Error><Code>NoSuchKey</Code></Error>");
  }
  if (request.method == "HEAD") return connection.Reply(request, 200, kXml, "");
  const uint64_t count = std::min(kMaxKeys, ParseNumber(bucket.substr(kBucketPrefix.size()), 0));
  return connection.Reply(request, 200, kXml, ListPage(request, bucket, count));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 2) page_size_limit = std::max<uint64_t>(1, ParseNumber(argv[2], page_size_limit));
  return s3native::testserver::ServeForever(static_cast<uint16_t>(argc > 1 ? atoi(argv[1]) : 0),
                                            Answer);
}
