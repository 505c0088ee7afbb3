// An S3 in memory: the semantics of the real one (conditions, versions, multipart, paged listings),
// without network or threads. Every completion runs inline, before the call returns.
// Thread-safety: all methods, any thread. Completions run without locks held, so they may call
// back. Ownership: copies what it is given; destinations belong to the caller, as ObjectStore says.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "s3native/object_store.h"

namespace s3native {

struct MemoryStoreOptions {
  bool versioned = false;               // buckets keep old versions, deletes leave markers
  uint64_t min_part_size = 5ull << 20;  // of all parts but the last; tests of writers may lower it
  int max_page_size = 1000;             // what listings return at most, whatever was asked for
};

class MemoryStore : public ObjectStore {
 public:
  explicit MemoryStore(MemoryStoreOptions options = {}) : options_(options) {}

  OperationPtr Get(GetRequest request, Completion<GetResult> done) override;
  OperationPtr Head(HeadRequest request, Completion<ObjectInfo> done) override;
  OperationPtr Put(PutRequest request, Completion<PutResult> done) override;
  OperationPtr UploadPart(UploadPartRequest request, Completion<CompletedPart> done) override;
  OperationPtr UploadPartCopy(UploadPartCopyRequest request,
                              Completion<CompletedPart> done) override;
  OperationPtr CreateUpload(CreateUploadRequest request, Completion<CreatedUpload> done) override;
  OperationPtr CompleteUpload(CompleteUploadRequest request, Completion<PutResult> done) override;
  OperationPtr AbortUpload(S3Url url, std::string upload_id,
                           Completion<std::monostate> done) override;
  OperationPtr ListParts(ListPartsRequest request, Completion<PartsPage> done) override;
  OperationPtr ListUploads(ListUploadsRequest request, Completion<UploadsPage> done) override;
  OperationPtr List(ListRequest request, Completion<ListPage> done) override;
  OperationPtr Delete(S3Url url, std::string version_id, Completion<std::monostate> done) override;
  OperationPtr DeleteMany(DeleteManyRequest request,
                          Completion<std::vector<DeleteError>> done) override;
  OperationPtr Copy(CopyRequest request, Completion<PutResult> done) override;
  OperationPtr CreateBucket(std::string bucket, Completion<std::monostate> done) override;
  OperationPtr DeleteBucket(std::string bucket, Completion<std::monostate> done) override;
  OperationPtr ListBuckets(Completion<std::vector<BucketInfo>> done) override;

  // Shortcuts for tests. They create the bucket if need be.
  std::string Add(const S3Url& url, std::string_view content);  // returns the ETag
  std::optional<std::string> Content(const S3Url& url) const;   // nothing: no such object
  size_t pending_uploads() const;

 private:
  using Bytes = std::shared_ptr<const std::string>;

  struct Version {
    Bytes body;
    ObjectInfo info;
    bool delete_marker = false;
  };
  struct Part {
    Bytes body;
    std::string etag;
  };
  struct Upload {
    std::string key;
    PutOptions options;
    int64_t initiated_ms = 0;
    std::map<int, Part> parts;
  };
  struct Bucket {
    int64_t created_ms = 0;
    std::map<std::string, std::vector<Version>> objects;  // versions: the latest last
    std::map<std::string, Upload> uploads;                // by upload ID
  };
  // What an operation is about, for its errors.
  struct Context {
    const char* operation;
    S3Url url;
    std::string range;
  };

  // Runs `work` under the lock, then `done` without it.
  template <typename T>
  OperationPtr Run(const Completion<T>& done, const std::function<Result<T>()>& work);

  // Of content alone, as Amazon's are: the same bytes have the same ETag.
  static std::string EtagOf(std::string_view body);
  static int64_t NowMs();  // Unix time
  static Error Refusal(const Context& context, int http_status, const char* s3_code);
  Result<Bucket*> FindBucket(const Context& context);
  Result<const Version*> FindVersion(const Context& context, const S3Url& url,
                                     const std::string& version_id) const;
  Result<Upload*> FindUpload(const Context& context, const std::string& upload_id);
  Status CheckConditions(const Context& context, const PutOptions& options) const;
  Status CheckParts(const Context& context, const Upload& upload,
                    const CompleteUploadRequest& request) const;
  Result<GetResult> GetNow(const GetRequest& request);
  Result<PutResult> PutNow(const PutRequest& request);
  Result<PutResult> CopyNow(const CopyRequest& request);
  Result<CompletedPart> UploadPartNow(const UploadPartRequest& request);
  Result<CompletedPart> UploadPartCopyNow(const UploadPartCopyRequest& request);
  Result<PutResult> CompleteNow(const CompleteUploadRequest& request);
  Result<UploadsPage> ListUploadsNow(const ListUploadsRequest& request);
  Result<ListPage> ListNow(const ListRequest& request);
  Status DeleteNow(const Context& context, const std::string& version_id);
  Status DeleteBucketNow(const std::string& bucket);
  // Makes it the latest version and completes its info.
  PutResult Store(const S3Url& url, Bucket* bucket, Version version);
  std::string NextId(const char* prefix);

  const MemoryStoreOptions options_;
  mutable std::mutex mutex_;
  std::map<std::string, Bucket> buckets_;
  uint64_t last_id_ = 0;
};

// An operation that has already completed.
OperationPtr CompletedOperation();

template <typename T>
OperationPtr MemoryStore::Run(const Completion<T>& done, const std::function<Result<T>()>& work) {
  std::unique_lock lock(mutex_);
  Result<T> result = work();
  lock.unlock();
  done(std::move(result));
  return CompletedOperation();
}

}  // namespace s3native
