// An object that TensorFlow reads: small reads out of a buffer, large ones straight into
// TensorFlow's memory, both ahead of reads that go on. The log of a run may grow meanwhile.
//
// Thread-safety: all methods, any thread. Ownership: shares the client.
#pragma once

#include <memory>
#include <mutex>

#include "s3native/client.h"
#include "s3native/reader.h"

namespace s3native::tensorflow {

class ReadableFile {
 public:
  // No request is sent.
  static Result<std::unique_ptr<ReadableFile>> Open(std::shared_ptr<Client> client, S3Url url);

  // How many bytes there were from `start` on: fewer only at the end.
  Result<uint64_t> Read(uint64_t start, MutableBytes destination);

 private:
  explicit ReadableFile(std::shared_ptr<Client> client) : client_(std::move(client)) {}
  uint64_t CopyFromWindow(uint64_t start, MutableBytes destination);

  const std::shared_ptr<Client> client_;
  std::unique_ptr<Reader> reader_;
  std::mutex mutex_;  // guards what follows
  Fetched window_;    // of the last small read
  uint64_t window_start_ = 0;
};

}  // namespace s3native::tensorflow
