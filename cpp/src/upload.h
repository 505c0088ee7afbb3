// Putting memory into an object: one request, or a multipart upload that is either completed or
// aborted. Thread-safety: free functions on the calling thread. Ownership: `data` is borrowed until
// they return.
#pragma once

#include <memory>

#include "s3native/client.h"

namespace s3native {

Result<PutResult> UploadBytes(const std::shared_ptr<ObjectStore>& store, const Config& config,
                              const S3Url& url, ConstBytes data, const UploadOptions& options,
                              const CallOptions& call);

// Server-side copy; see Client::Copy.
Result<PutResult> CopyObject(const std::shared_ptr<ObjectStore>& store, const Config& config,
                             const CopyRequest& request, const CallOptions& call);

}  // namespace s3native
