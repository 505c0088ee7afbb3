// Blocking calls on an ObjectStore, for tests: each waits for its completion and fails the test
// after a minute. Keys are relative to a prefix of the driver's own, so that tests on one bucket do
// not meet. Thread-safety: as the store's, for all methods. Ownership: shares the store; returns
// copies.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "s3native/object_store.h"

namespace s3native {

inline ConstBytes BytesOf(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

// Calls `start` with a completion and waits for it.
template <typename T>
Result<T> WaitFor(const std::function<OperationPtr(Completion<T>)>& start) {
  const auto promise = std::make_shared<std::promise<Result<T>>>();
  std::future<Result<T>> future = promise->get_future();
  const OperationPtr operation =
      start([promise](Result<T> result) { promise->set_value(std::move(result)); });
  EXPECT_NE(operation, nullptr);
  if (future.wait_for(std::chrono::minutes(1)) == std::future_status::ready) return future.get();
  ADD_FAILURE() << "the completion did not run within a minute";
  std::abort();  // the request may still write to memory that is about to die
}

class StoreDriver {
 public:
  StoreDriver(std::shared_ptr<ObjectStore> store, std::string bucket, std::string prefix)
      : store_(std::move(store)), bucket_(std::move(bucket)), prefix_(std::move(prefix)) {}

  ObjectStore& store() { return *store_; }
  const std::string& bucket() const { return bucket_; }
  const std::string& prefix() const { return prefix_; }
  S3Url Url(const std::string& key) const { return {bucket_, prefix_ + key}; }

  Result<PutResult> Put(const std::string& key, std::string_view content,
                        const PutOptions& options = {}, const std::string& crc64nvme = "") {
    const PutRequest request = {Url(key), BytesOf(content), options, crc64nvme};
    return WaitFor<PutResult>([&](auto done) { return store_->Put(request, std::move(done)); });
  }

  Result<GetResult> Get(const GetRequest& request) {
    return WaitFor<GetResult>([&](auto done) { return store_->Get(request, std::move(done)); });
  }

  // The bytes of `range`, as far as the object has them.
  Result<std::string> Read(const std::string& key, ByteRange range,
                           const std::string& if_match = "", const std::string& version_id = "") {
    std::string text(range.end ? *range.end - range.start : 64u << 20, '\0');
    const MutableBytes destination = {reinterpret_cast<std::byte*>(text.data()), text.size()};
    const Result<GetResult> got = Get({Url(key), range, destination, if_match, version_id});
    if (!got.ok()) return got.error();
    text.resize(got.value().received);
    return text;
  }

  Result<ObjectInfo> Head(const std::string& key, const std::string& version_id = "") {
    return WaitFor<ObjectInfo>(
        [&](auto done) { return store_->Head({Url(key), version_id}, std::move(done)); });
  }

  Status Delete(const std::string& key, const std::string& version_id = "") {
    return WaitFor<std::monostate>(
        [&](auto done) { return store_->Delete(Url(key), version_id, std::move(done)); });
  }

  Result<PutResult> Copy(const CopyRequest& request) {
    return WaitFor<PutResult>([&](auto done) { return store_->Copy(request, std::move(done)); });
  }

  Result<ListPage> List(const ListRequest& request) {
    return WaitFor<ListPage>([&](auto done) { return store_->List(request, std::move(done)); });
  }

  Result<std::vector<DeleteError>> DeleteMany(const std::vector<std::string>& full_keys) {
    return WaitFor<std::vector<DeleteError>>(
        [&](auto done) { return store_->DeleteMany({bucket_, full_keys}, std::move(done)); });
  }

  Result<std::string> CreateUpload(const std::string& key, const PutOptions& options = {},
                                   bool crc64nvme = false) {
    const CreateUploadRequest request = {Url(key), options, crc64nvme};
    const Result<CreatedUpload> created = WaitFor<CreatedUpload>(
        [&](auto done) { return store_->CreateUpload(request, std::move(done)); });
    if (!created.ok()) return created.error();
    return created.value().upload_id;
  }

  Result<CompletedPart> UploadPart(const std::string& key, const std::string& upload_id,
                                   int part_number, std::string_view content,
                                   const std::string& crc64nvme = "") {
    const UploadPartRequest request = {Url(key), upload_id, part_number, BytesOf(content),
                                       crc64nvme};
    return WaitFor<CompletedPart>(
        [&](auto done) { return store_->UploadPart(request, std::move(done)); });
  }

  Result<CompletedPart> UploadPartCopy(const UploadPartCopyRequest& request) {
    return WaitFor<CompletedPart>(
        [&](auto done) { return store_->UploadPartCopy(request, std::move(done)); });
  }

  Result<PutResult> CompleteUpload(const CompleteUploadRequest& request) {
    return WaitFor<PutResult>(
        [&](auto done) { return store_->CompleteUpload(request, std::move(done)); });
  }

  Status AbortUpload(const std::string& key, const std::string& upload_id) {
    return WaitFor<std::monostate>(
        [&](auto done) { return store_->AbortUpload(Url(key), upload_id, std::move(done)); });
  }

  Result<PartsPage> ListParts(const std::string& key, const std::string& upload_id,
                              int part_number_marker = 0) {
    return WaitFor<PartsPage>([&](auto done) {
      return store_->ListParts({Url(key), upload_id, part_number_marker}, std::move(done));
    });
  }

  // Uploads of exactly this key: MinIO lists them by whole keys only.
  Result<UploadsPage> ListUploads(const std::string& key) {
    return WaitFor<UploadsPage>([&](auto done) {
      return store_->ListUploads({bucket_, prefix_ + key, "", ""}, std::move(done));
    });
  }

  Status CreateBucket(const std::string& bucket) {
    return WaitFor<std::monostate>(
        [&](auto done) { return store_->CreateBucket(bucket, std::move(done)); });
  }

  Status DeleteBucket(const std::string& bucket) {
    return WaitFor<std::monostate>(
        [&](auto done) { return store_->DeleteBucket(bucket, std::move(done)); });
  }

  Result<std::vector<BucketInfo>> ListBuckets() {
    return WaitFor<std::vector<BucketInfo>>(
        [&](auto done) { return store_->ListBuckets(std::move(done)); });
  }

 private:
  const std::shared_ptr<ObjectStore> store_;
  const std::string bucket_;
  const std::string prefix_;
};

}  // namespace s3native
