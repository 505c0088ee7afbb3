// The ObjectStore over the CRT: each operation is one request, or a few, and a parse of what came
// back. Thread-safety: all methods, any thread. Ownership:
// shares its connection; operations in flight keep that alive.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "crt/connection.h"
#include "crt/http_pool.h"
#include "crt/request.h"
#include "parallel_get.h"
#include "s3native/object_store.h"

namespace s3native::crt {

class CrtStore : public ObjectStore, public std::enable_shared_from_this<CrtStore> {
 public:
  explicit CrtStore(std::shared_ptr<Connection> connection);
  ~CrtStore() override;

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

  const Config& config() const { return connection_->config(); }

 private:
  // A request without query or headers for `url`. With `answer`, the document that comes back must
  // have this root element.
  Request NewRequest(const char* operation, const char* method, const S3Url& url,
                     const char* answer = nullptr) const;
  OperationPtr Start(Request request, Completion<Response> done);

  Request GetRequestFor(const GetRequest& get) const;
  OperationPtr GetOne(const std::shared_ptr<HttpPool>& pool, GetRequest get, OnObject on_object,
                      Completion<GetResult> done);
  // A PUT of bytes with headers as its only answer.
  OperationPtr Send(Request request, Completion<PutResult> done);
  Completion<GetResult> OrEmptyObject(const GetRequest& get, Completion<GetResult> done);

  std::shared_ptr<HttpPool> PoolFor(const std::string& bucket);

  const std::shared_ptr<Connection> connection_;
  std::mutex mutex_;                                        // guards pools_
  std::map<std::string, std::shared_ptr<HttpPool>> pools_;  // by host
};

// A key or prefix as a listing with encoding-type=url spells it; taken as it is when it is not
// encoded.
std::string DecodeKey(std::string_view text);
// Headers that carry `options` on PutObject, CreateMultipartUpload and CopyObject.
void AddPutHeaders(const PutOptions& options, Request* request);
void AddConditionHeaders(const PutOptions& options, Request* request);

}  // namespace s3native::crt
