#include "support/failing_store.h"

#include <algorithm>

#include "support/memory_store.h"

namespace s3native {

Error UnavailableError() {
  Error error;
  error.code = ErrorCode::kUnavailable;
  error.message = "injected failure";
  error.http_status = 500;
  error.s3_code = "InternalError";
  error.retryable = true;
  return error;
}

void FailingStore::FailAt(int number, Error error, When when) {
  FailIf([number](const StoreCall& call) { return call.number == number; }, std::move(error), 1,
         when);
}

void FailingStore::FailIf(Predicate matches, Error error, int times, When when) {
  std::lock_guard lock(mutex_);
  rules_.push_back({std::move(matches), std::move(error), times, when});
}

void FailingStore::Heal() {
  std::lock_guard lock(mutex_);
  rules_.clear();
}

std::vector<StoreCall> FailingStore::calls() const {
  std::lock_guard lock(mutex_);
  return calls_;
}

int FailingStore::count(const std::string& operation) const {
  std::lock_guard lock(mutex_);
  return static_cast<int>(std::count_if(calls_.begin(), calls_.end(), [&](const StoreCall& call) {
    return call.operation == operation;
  }));
}

std::optional<FailingStore::Failure> FailingStore::Enter(StoreCall call) {
  std::lock_guard lock(mutex_);
  call.number = static_cast<int>(calls_.size()) + 1;
  calls_.push_back(call);
  for (Rule& rule : rules_) {
    if (rule.times == 0 || !rule.matches(call)) continue;
    --rule.times;
    Failure failure = {rule.error, rule.when};
    failure.error.operation = call.operation;
    failure.error.bucket = call.url.bucket;
    failure.error.key = call.url.key;
    if (call.range) failure.error.range = call.range->ToString();
    return failure;
  }
  return std::nullopt;
}

template <typename T>
OperationPtr FailingStore::Pass(StoreCall call, Completion<T> done,
                                const std::function<OperationPtr(Completion<T>)>& forward) {
  std::optional<Failure> failure = Enter(std::move(call));
  if (!failure) return forward(std::move(done));
  if (failure->when == When::kAfter) {
    return forward(
        [done = std::move(done), error = std::move(failure->error)](Result<T>) { done(error); });
  }
  done(std::move(failure->error));
  return CompletedOperation();
}

OperationPtr FailingStore::Get(GetRequest request, Completion<GetResult> done) {
  return Pass<GetResult>(
      {0, "GetObject", request.url, request.range, 0}, std::move(done),
      [&](auto next) { return store_->Get(std::move(request), std::move(next)); });
}

OperationPtr FailingStore::Head(HeadRequest request, Completion<ObjectInfo> done) {
  return Pass<ObjectInfo>({0, "HeadObject", request.url, {}, 0}, std::move(done), [&](auto next) {
    return store_->Head(std::move(request), std::move(next));
  });
}

OperationPtr FailingStore::Put(PutRequest request, Completion<PutResult> done) {
  return Pass<PutResult>({0, "PutObject", request.url, {}, 0}, std::move(done), [&](auto next) {
    return store_->Put(std::move(request), std::move(next));
  });
}

OperationPtr FailingStore::UploadPart(UploadPartRequest request, Completion<CompletedPart> done) {
  return Pass<CompletedPart>(
      {0, "UploadPart", request.url, {}, request.part_number}, std::move(done),
      [&](auto next) { return store_->UploadPart(std::move(request), std::move(next)); });
}

OperationPtr FailingStore::UploadPartCopy(UploadPartCopyRequest request,
                                          Completion<CompletedPart> done) {
  return Pass<CompletedPart>(
      {0, "UploadPartCopy", request.url, request.range, request.part_number}, std::move(done),
      [&](auto next) { return store_->UploadPartCopy(std::move(request), std::move(next)); });
}

OperationPtr FailingStore::CreateUpload(CreateUploadRequest request,
                                        Completion<CreatedUpload> done) {
  return Pass<CreatedUpload>(
      {0, "CreateMultipartUpload", request.url, {}, 0}, std::move(done),
      [&](auto next) { return store_->CreateUpload(std::move(request), std::move(next)); });
}

OperationPtr FailingStore::CompleteUpload(CompleteUploadRequest request,
                                          Completion<PutResult> done) {
  return Pass<PutResult>(
      {0, "CompleteMultipartUpload", request.url, {}, 0}, std::move(done),
      [&](auto next) { return store_->CompleteUpload(std::move(request), std::move(next)); });
}

OperationPtr FailingStore::AbortUpload(S3Url url, std::string upload_id,
                                       Completion<std::monostate> done) {
  return Pass<std::monostate>(
      {0, "AbortMultipartUpload", url, {}, 0}, std::move(done),
      [&](auto next) { return store_->AbortUpload(url, upload_id, std::move(next)); });
}

OperationPtr FailingStore::ListParts(ListPartsRequest request, Completion<PartsPage> done) {
  return Pass<PartsPage>({0, "ListParts", request.url, {}, 0}, std::move(done), [&](auto next) {
    return store_->ListParts(std::move(request), std::move(next));
  });
}

OperationPtr FailingStore::ListUploads(ListUploadsRequest request, Completion<UploadsPage> done) {
  return Pass<UploadsPage>(
      {0, "ListMultipartUploads", {request.bucket, request.prefix}, {}, 0}, std::move(done),
      [&](auto next) { return store_->ListUploads(std::move(request), std::move(next)); });
}

OperationPtr FailingStore::List(ListRequest request, Completion<ListPage> done) {
  return Pass<ListPage>(
      {0, "ListObjectsV2", {request.bucket, request.prefix}, {}, 0}, std::move(done),
      [&](auto next) { return store_->List(std::move(request), std::move(next)); });
}

OperationPtr FailingStore::Delete(S3Url url, std::string version_id,
                                  Completion<std::monostate> done) {
  return Pass<std::monostate>({0, "DeleteObject", url, {}, 0}, std::move(done), [&](auto next) {
    return store_->Delete(url, version_id, std::move(next));
  });
}

OperationPtr FailingStore::DeleteMany(DeleteManyRequest request,
                                      Completion<std::vector<DeleteError>> done) {
  return Pass<std::vector<DeleteError>>(
      {0, "DeleteObjects", {request.bucket, ""}, {}, 0}, std::move(done),
      [&](auto next) { return store_->DeleteMany(std::move(request), std::move(next)); });
}

OperationPtr FailingStore::Copy(CopyRequest request, Completion<PutResult> done) {
  return Pass<PutResult>({0, "CopyObject", request.url, {}, 0}, std::move(done), [&](auto next) {
    return store_->Copy(std::move(request), std::move(next));
  });
}

OperationPtr FailingStore::CreateBucket(std::string bucket, Completion<std::monostate> done) {
  return Pass<std::monostate>(
      {0, "CreateBucket", {bucket, ""}, {}, 0}, std::move(done),
      [&](auto next) { return store_->CreateBucket(bucket, std::move(next)); });
}

OperationPtr FailingStore::DeleteBucket(std::string bucket, Completion<std::monostate> done) {
  return Pass<std::monostate>(
      {0, "DeleteBucket", {bucket, ""}, {}, 0}, std::move(done),
      [&](auto next) { return store_->DeleteBucket(bucket, std::move(next)); });
}

OperationPtr FailingStore::ListBuckets(Completion<std::vector<BucketInfo>> done) {
  return Pass<std::vector<BucketInfo>>(
      {0, "ListBuckets", {}, {}, 0}, std::move(done),
      [&](auto next) { return store_->ListBuckets(std::move(next)); });
}

}  // namespace s3native
