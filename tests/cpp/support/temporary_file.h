// A file without a name, or another one that is opened for reading and writing. Thread-safety: as a
// descriptor. Ownership: owns the descriptor.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

namespace s3native {

class TemporaryFile {
 public:
  TemporaryFile() : descriptor_(memfd_create("test", MFD_CLOEXEC)) { EXPECT_GE(descriptor_, 0); }
  explicit TemporaryFile(const char* path) : descriptor_(open(path, O_RDWR | O_CLOEXEC)) {
    EXPECT_GE(descriptor_, 0) << path;
  }
  ~TemporaryFile() { close(descriptor_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  int descriptor() const { return descriptor_; }

  std::string Content() const {
    const off_t size = lseek(descriptor_, 0, SEEK_END);
    std::string text(static_cast<size_t>(size), '\0');
    EXPECT_EQ(pread(descriptor_, text.data(), text.size(), 0), size);
    return text;
  }

 private:
  const int descriptor_;
};

}  // namespace s3native
