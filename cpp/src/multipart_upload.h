// A multipart upload from its beginning to its end: it is completed, or nothing of it is left on
// the server. Thread-safety: none, one writer. Ownership: shares the store; whoever begins an
// upload must complete or abort it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "wait.h"

namespace s3native {

// Parts in flight: enough to keep every connection sending, few enough to bound what a retry storm
// repeats.
inline constexpr size_t kPartsInFlight = 16;

// Whether the server says that it stored what was sent, as far as it says anything.
Status CheckStored(const PutResult& result, const std::string& sent_crc64nvme, const S3Url& url);

class MultipartUpload {
 public:
  static Result<std::unique_ptr<MultipartUpload>> Begin(std::shared_ptr<ObjectStore> store,
                                                        CreateUploadRequest create,
                                                        WaitLimit* limit);

  const std::string& upload_id() const { return upload_id_; }
  // Of those asked for by NextPart.
  int part_count() const { return part_count_; }
  // The request for the part that follows those asked for so far, with its checksum if the upload
  // has them: on the caller's thread, which would only wait while the event loops send.
  UploadPartRequest NextPart(ConstBytes body);
  // The same for a part that the server copies from the object that is there; of an upload without
  // checksums.
  UploadPartCopyRequest NextCopy(const std::string& etag, ByteRange range);
  // With the checksum of all parts asked for; aborted if that fails. An answer that was lost is
  // looked for in what the server has.
  Result<PutResult> Complete(std::vector<CompletedPart> parts, uint64_t object_size,
                             WaitLimit* limit);
  // Even when the caller has been interrupted: parts left behind would be paid for. No request for
  // a part may be under way.
  void Abort();

 private:
  MultipartUpload(std::shared_ptr<ObjectStore> store, CreateUploadRequest create)
      : store_(std::move(store)), create_(std::move(create)) {}
  void AbortTwins();

  const std::shared_ptr<ObjectStore> store_;
  const CreateUploadRequest create_;
  std::string upload_id_;
  int part_count_ = 0;
  uint64_t crc64nvme_ = 0;          // of those parts
  std::vector<std::string> twins_;  // uploads that lost answers may have told of
};

}  // namespace s3native
