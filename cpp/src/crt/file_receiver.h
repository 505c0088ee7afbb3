// Moves what a socket has received into a file: within the kernel, by splice, which spares the copy
// into this process, or by way of a small buffer that stays in a core's cache. Thread-safety: one
// thread at a time. Ownership: owns its pipe and buffer, borrows descriptors.
#pragma once

#include <sys/types.h>

#include <vector>

#include "s3native/object_store.h"

namespace s3native::crt {

class FileReceiver {
 public:
  FileReceiver() = default;
  ~FileReceiver();
  FileReceiver(const FileReceiver&) = delete;
  FileReceiver& operator=(const FileReceiver&) = delete;

  // At most `size` bytes of what a socket that does not block holds. As recv: how many, 0 when the
  // connection has ended, -1 with errno. A file that cannot be written sets *place.error; what has
  // been taken from the socket is lost then.
  ssize_t Receive(int socket, const FilePlace& place, size_t size);

  // To be filled, and then written.
  MutableBytes buffer();

 private:
  bool HasPipe();
  ssize_t ByWayOfBuffer(int socket, const FilePlace& place, size_t size);
  void Drain(const FilePlace& place, size_t size);

  enum class Pipe { kNone, kOpen, kUseless };
  Pipe pipe_ = Pipe::kNone;
  int out_ = -1;
  int in_ = -1;
  std::vector<std::byte> buffer_;
};

}  // namespace s3native::crt
