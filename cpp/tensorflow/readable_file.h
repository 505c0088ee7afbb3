// An object that TensorFlow reads: small reads out of a buffer, large ones straight into
// TensorFlow's memory, both ahead of reads that go on; records piece by piece. The log of a run may
// grow meanwhile.
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

  struct Filled {
    uint64_t size;
    bool ended;  // with the object
  };

  // Fills the buffer from byte `start` on, up to the object's end; or a piece of it, if whoever
  // asks reads records through it: that goes on with what it gets.
  Result<Filled> Fill(uint64_t start, MutableBytes buffer);

 private:
  enum class Use { kUnknown, kRecords, kOther };

  explicit ReadableFile(std::shared_ptr<Client> client) : client_(std::move(client)) {}
  uint64_t CopyFromWindow(uint64_t start, MutableBytes destination);
  // How many bytes there were from `start` on: fewer only at the end.
  Result<uint64_t> Read(uint64_t start, MutableBytes destination);
  // How many of `size` bytes whoever asks for them at `start` can do with.
  Result<uint64_t> Enough(uint64_t start, uint64_t size);
  // Of whoever first fills its buffer from `start` on.
  Result<Use> UseOf(uint64_t start);

  const std::shared_ptr<Client> client_;
  std::unique_ptr<Reader> reader_;
  std::mutex mutex_;  // guards what follows
  Fetched window_;    // of the last small read
  uint64_t window_start_ = 0;
  Use use_ = Use::kUnknown;
};

}  // namespace s3native::tensorflow
