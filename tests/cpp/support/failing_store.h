// Wraps any ObjectStore and makes chosen requests fail, before or after they took effect.
// Thread-safety: all methods, any thread. Ownership: shares the wrapped store.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "s3native/object_store.h"

namespace s3native {

// One request, as a test tells it from others.
struct StoreCall {
  int number = 0;         // counts all requests of the store, from 1
  std::string operation;  // S3's name, such as "UploadPart"
  S3Url url;
  std::optional<ByteRange> range;
  int part_number = 0;  // 0: not about a part
};

// A retryable error as a server in trouble sends it.
Error UnavailableError();

class FailingStore : public ObjectStore {
 public:
  enum class When {
    kBefore,  // the request never reaches the wrapped store
    kAfter,   // it takes effect, and its response is lost
  };
  using Predicate = std::function<bool(const StoreCall&)>;

  explicit FailingStore(std::shared_ptr<ObjectStore> store) : store_(std::move(store)) {}

  // The request of this number fails. The error's operation, bucket and key are filled in.
  void FailAt(int number, Error error, When when = When::kBefore);
  // Requests that `matches` fail, at most `times` of them. The first rule that matches counts.
  void FailIf(Predicate matches, Error error, int times = 1, When when = When::kBefore);
  // Forgets all rules, not the calls.
  void Heal();

  std::vector<StoreCall> calls() const;
  int count(const std::string& operation) const;

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

 private:
  struct Rule {
    Predicate matches;
    Error error;
    int times;
    When when;
  };
  struct Failure {
    Error error;
    When when;
  };

  // Notes the call and says how it is to fail, if at all.
  std::optional<Failure> Enter(StoreCall call);
  // `forward` sends the request to the wrapped store.
  template <typename T>
  OperationPtr Pass(StoreCall call, Completion<T> done,
                    const std::function<OperationPtr(Completion<T>)>& forward);

  const std::shared_ptr<ObjectStore> store_;
  mutable std::mutex mutex_;
  std::vector<Rule> rules_;
  std::vector<StoreCall> calls_;
};

}  // namespace s3native
