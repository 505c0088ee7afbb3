// Listing, deleting many, buckets.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "support/memory_store.h"

namespace s3native {
namespace {

constexpr size_t kMaxDeletedKeys = 1000;

// The common prefix that `key`, which may be it, is listed as; absent: it is listed as itself.
std::optional<std::string> CommonPrefix(const std::string& key, const ListRequest& request) {
  if (request.delimiter.empty()) return std::nullopt;
  const size_t found = key.find(request.delimiter, request.prefix.size());
  if (found == std::string::npos) return std::nullopt;
  return key.substr(0, found + request.delimiter.size());
}

}  // namespace

OperationPtr MemoryStore::List(ListRequest request, Completion<ListPage> done) {
  return Run<ListPage>(done, [&] { return ListNow(request); });
}

Result<ListPage> MemoryStore::ListNow(const ListRequest& request) {
  const Context context = {"ListObjectsV2", {request.bucket, request.prefix}, ""};
  const Result<Bucket*> bucket = FindBucket(context);
  if (!bucket.ok()) return bucket.error();
  // A token is the entry listed last; it wins over start_after.
  const bool resumed = !request.continuation_token.empty();
  const std::string& after = resumed ? request.continuation_token : request.start_after;
  const auto limit = static_cast<size_t>(std::clamp(request.max_keys, 0, options_.max_page_size));
  ListPage page;
  std::string last;
  for (const auto& [key, versions] : bucket.value()->objects) {
    if (!key.starts_with(request.prefix) || versions.back().delete_marker) continue;
    const std::optional<std::string> common = CommonPrefix(key, request);
    const std::string& entry = common ? *common : key;
    // A common prefix listed before covers all its keys; start_after alone looks at the keys.
    if ((resumed ? entry : key) <= after || entry == last) continue;
    if (page.objects.size() + page.prefixes.size() == limit) {
      page.next_token = last;
      break;
    }
    last = entry;
    if (!common) {
      ObjectInfo info;
      info.key = key;
      info.size = versions.back().info.size;
      info.etag = versions.back().info.etag;
      info.last_modified_ms = versions.back().info.last_modified_ms;
      info.storage_class = versions.back().info.storage_class;
      page.objects.push_back(std::move(info));
    } else {
      page.prefixes.push_back(entry);
    }
  }
  return page;
}

OperationPtr MemoryStore::DeleteMany(DeleteManyRequest request,
                                     Completion<std::vector<DeleteError>> done) {
  using Errors = std::vector<DeleteError>;
  return Run<Errors>(done, [&]() -> Result<Errors> {
    const Context context = {"DeleteObjects", {request.bucket, ""}, ""};
    if (request.keys.empty() || request.keys.size() > kMaxDeletedKeys) {
      return Refusal(context, 400, "MalformedXML");
    }
    const Result<Bucket*> bucket = FindBucket(context);
    if (!bucket.ok()) return bucket.error();
    Errors errors;
    for (const std::string& key : request.keys) {
      const Status deleted = DeleteNow({"DeleteObjects", {request.bucket, key}, ""}, "");
      if (!deleted.ok()) errors.push_back({key, deleted.error().s3_code, deleted.error().message});
    }
    return errors;
  });
}

OperationPtr MemoryStore::CreateBucket(std::string bucket, Completion<std::monostate> done) {
  return Run<std::monostate>(done, [&]() -> Status {
    const auto [entry, created] = buckets_.try_emplace(bucket);
    if (!created)
      return Refusal({"CreateBucket", {bucket, ""}, ""}, 409, "BucketAlreadyOwnedByYou");
    entry->second.created_ms = NowMs();
    return Ok();
  });
}

OperationPtr MemoryStore::DeleteBucket(std::string bucket, Completion<std::monostate> done) {
  return Run<std::monostate>(done, [&] { return DeleteBucketNow(bucket); });
}

Status MemoryStore::DeleteBucketNow(const std::string& bucket) {
  const Context context = {"DeleteBucket", {bucket, ""}, ""};
  const Result<Bucket*> found = FindBucket(context);
  if (!found.ok()) return found.error();
  if (!found.value()->objects.empty()) return Refusal(context, 409, "BucketNotEmpty");
  buckets_.erase(bucket);
  return Ok();
}

OperationPtr MemoryStore::ListBuckets(Completion<std::vector<BucketInfo>> done) {
  using Buckets = std::vector<BucketInfo>;
  return Run<Buckets>(done, [&]() -> Result<Buckets> {
    Buckets list;
    for (const auto& [name, bucket] : buckets_) list.push_back({name, bucket.created_ms});
    return list;
  });
}

}  // namespace s3native
