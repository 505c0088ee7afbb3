// The seam: everything above it (readers, writers, loaders) moves bytes through an ObjectStore and
// knows nothing of HTTP or the AWS CRT; everything below implements it.
//
// Thread-safety: every method may be called from any thread. None blocks on the network. Each
// accepted operation ends in exactly one call of its completion, from a thread of the store (or
// inline, for stores without threads); completions must be short: no blocking, no allocation of
// slabs, no Python. Ownership: destination and source memory belongs to the caller and must stay
// valid until the completion runs, which is not before the last write to (or read of) it, cancelled
// and failed operations included.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "s3native/error.h"
#include "s3native/object.h"

namespace s3native {

struct MutableBytes {
  std::byte* data = nullptr;
  size_t size = 0;
};

struct ConstBytes {
  const std::byte* data = nullptr;
  size_t size = 0;
};

// Where a range is put in a file. Until the completion runs both are borrowed.
struct FilePlace {
  int descriptor = -1;  // open for writing, not for appending
  uint64_t offset = 0;
  int* error = nullptr;  // set to the errno with which the file refused the bytes
};

template <typename T>
using Completion = std::function<void(Result<T>)>;

// An accepted operation. Dropping it does not cancel.
class Operation {
 public:
  virtual ~Operation() = default;
  // Asks to stop; the completion still runs, with kCancelled or with the outcome that came first.
  // Any thread, any time.
  virtual void Cancel() = 0;
  // Of an operation that was asked for as `driven`, by the one thread that waits for it: does the
  // work there is for at most `time_ms`, or until a signal comes. False when others do the work,
  // and there is only to wait. Must be called until the completion has run.
  virtual bool Drive(uint64_t /*time_ms*/) { return false; }
};
using OperationPtr = std::shared_ptr<Operation>;

struct GetRequest {
  S3Url url;
  ByteRange range;  // must not be empty; starts at or behind the object's end: kRange, but from
                    // byte 0 an empty object is zero bytes
  MutableBytes
      destination;  // receives range.start at data[0]; smaller than the range: kInvalidArgument
  std::string if_match;  // ETag with quotes; empty: the first response's ETag pins the later ones
  std::string version_id;
  // The whole object is wanted, and `range` is only as much of it as the destination holds. When
  // all of it fits and the store knows its checksum, the bytes are verified.
  bool whole = false;
  bool driven = false;  // the caller will call Operation::Drive
  // The range goes there instead, by one request; of the destination, whose data is null, only the
  // size counts. A file that refuses the bytes: kOther, and the place says why.
  std::optional<FilePlace> file = std::nullopt;
  // Called once from any thread, also from within Get, when no more of it has still to come than
  // keeps all connections busy, so that others may begin. By stores that make one request of it:
  // not at all. Must be as short as a completion.
  std::function<void()> on_tail = nullptr;
};

struct GetResult {
  uint64_t received =
      0;  // bytes written to the destination; less than asked for only at the object's end
  ObjectInfo info;  // of the whole object
  bool checksum_validated = false;
  uint64_t began_us = 0;  // when the answer did, by the steady clock; 0: the store does not tell
};

struct HeadRequest {
  S3Url url;
  std::string version_id;
  bool driven = false;
};

// How an object is to be stored; used by Put, CreateMultipartUpload and Copy.
struct PutOptions {
  bool if_none_match = false;  // only if no such object exists (If-None-Match: *)
  std::string if_match;        // only over the object with this ETag
  std::string content_type;
  std::string content_encoding;
  std::string cache_control;
  std::string storage_class;
  std::string server_side_encryption;  // "AES256" or "aws:kms"
  std::string sse_kms_key_id;
  std::map<std::string, std::string> metadata;
  std::map<std::string, std::string> tags;
};

struct PutRequest {
  S3Url url;
  ConstBytes body;
  PutOptions options;
  std::string checksum_crc64nvme;  // base64, sent for the server to verify; empty: none
  bool driven = false;
};

struct PutResult {
  std::string etag;
  std::string version_id;
  std::string checksum_crc64nvme;
};

struct CreateUploadRequest {
  S3Url url;
  PutOptions options;
  bool crc64nvme = false;  // announce full-object CRC64NVME
};

struct CreatedUpload {
  std::string upload_id;
  // An earlier attempt's answer was lost: the server may hold another upload of this request.
  bool sent_again = false;
};

struct UploadPartRequest {
  S3Url url;
  std::string upload_id;
  int part_number = 1;  // 1 to 10 000
  ConstBytes body;
  std::string checksum_crc64nvme;
};

struct UploadPartCopyRequest {
  S3Url source;
  std::string source_etag;  // x-amz-copy-source-if-match
  std::string source_version_id;
  ByteRange range;
  S3Url url;
  std::string upload_id;
  int part_number = 1;
};

struct CompletedPart {
  int part_number = 0;
  std::string etag;
  std::string checksum_crc64nvme;
};

struct CompleteUploadRequest {
  S3Url url;
  std::string upload_id;
  std::vector<CompletedPart> parts;
  std::string checksum_crc64nvme;  // of the full object; empty: none
  uint64_t object_size = 0;
  PutOptions options;  // the conditions only
};

struct ListRequest {
  std::string bucket;
  std::string prefix;
  std::string delimiter;
  std::string start_after;
  std::string continuation_token;
  int max_keys = 1000;
};

struct ListPage {
  std::vector<ObjectInfo> objects;
  std::vector<std::string> prefixes;
  std::string next_token;  // empty: last page
};

struct PendingUpload {
  std::string key;
  std::string upload_id;
  int64_t initiated_ms = 0;
};

struct ListUploadsRequest {
  std::string bucket;
  std::string prefix;
  std::string key_marker;
  std::string upload_id_marker;
};

struct UploadsPage {
  std::vector<PendingUpload> uploads;
  std::string next_key_marker;  // empty: last page
  std::string next_upload_id_marker;
};

struct ListPartsRequest {
  S3Url url;
  std::string upload_id;
  int part_number_marker = 0;  // the parts behind this one
};

struct PartsPage {
  std::vector<CompletedPart> parts;
  int next_part_number_marker = 0;  // 0: last page
};

struct DeleteManyRequest {
  std::string bucket;
  std::vector<std::string> keys;  // at most 1 000
};

struct DeleteError {
  std::string key;
  std::string code;
  std::string message;
};

struct CopyRequest {
  S3Url source;
  std::string source_etag;
  std::string source_version_id;
  S3Url url;
  PutOptions options;
  bool replace_metadata = false;  // use options' metadata and content type instead of the source's
};

struct BucketInfo {
  std::string name;
  int64_t created_ms = 0;
};

class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  // Ranged GET into memory; large ranges become several requests pinned to one ETag.
  virtual OperationPtr Get(GetRequest request, Completion<GetResult> done) = 0;
  virtual OperationPtr Head(HeadRequest request, Completion<ObjectInfo> done) = 0;

  // One request each, sent from the caller's memory.
  virtual OperationPtr Put(PutRequest request, Completion<PutResult> done) = 0;
  virtual OperationPtr UploadPart(UploadPartRequest request, Completion<CompletedPart> done) = 0;
  virtual OperationPtr UploadPartCopy(UploadPartCopyRequest request,
                                      Completion<CompletedPart> done) = 0;

  virtual OperationPtr CreateUpload(CreateUploadRequest request,
                                    Completion<CreatedUpload> done) = 0;
  virtual OperationPtr CompleteUpload(CompleteUploadRequest request,
                                      Completion<PutResult> done) = 0;
  virtual OperationPtr AbortUpload(S3Url url, std::string upload_id,
                                   Completion<std::monostate> done) = 0;
  // An upload that was completed or aborted is kNotFound.
  virtual OperationPtr ListParts(ListPartsRequest request, Completion<PartsPage> done) = 0;
  virtual OperationPtr ListUploads(ListUploadsRequest request, Completion<UploadsPage> done) = 0;

  virtual OperationPtr List(ListRequest request, Completion<ListPage> done) = 0;
  virtual OperationPtr Delete(S3Url url, std::string version_id,
                              Completion<std::monostate> done) = 0;
  virtual OperationPtr DeleteMany(DeleteManyRequest request,
                                  Completion<std::vector<DeleteError>> done) = 0;
  virtual OperationPtr Copy(CopyRequest request, Completion<PutResult> done) = 0;

  virtual OperationPtr CreateBucket(std::string bucket, Completion<std::monostate> done) = 0;
  virtual OperationPtr DeleteBucket(std::string bucket, Completion<std::monostate> done) = 0;
  virtual OperationPtr ListBuckets(Completion<std::vector<BucketInfo>> done) = 0;
};

}  // namespace s3native
