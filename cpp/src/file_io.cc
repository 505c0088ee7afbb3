#include "file_io.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "s3native/checksums.h"

namespace s3native {
namespace {

// Of two files with the same lock one waits for nothing.
constexpr size_t kLocks = 64;
// What is read back at once: it stays in a core's cache.
constexpr size_t kPiece = 256 * 1024;

}  // namespace

std::unique_lock<std::mutex> LockForWriting(int descriptor) {
  static auto* locks = new std::array<std::mutex, kLocks>;
  return std::unique_lock((*locks)[static_cast<size_t>(descriptor) % kLocks]);
}

int WriteAt(int descriptor, ConstBytes data, uint64_t offset) {
  const auto lock = LockForWriting(descriptor);
  while (data.size != 0) {
    const ssize_t written = pwrite(descriptor, data.data, data.size, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    data = {data.data + written, data.size - static_cast<size_t>(written)};
    offset += static_cast<uint64_t>(written);
  }
  return 0;
}

FileChecksum ChecksumOf(int descriptor, const ByteRange& range) {
  FileChecksum checksum;
  std::vector<std::byte> piece(kPiece);
  for (uint64_t at = range.start; at < *range.end;) {
    const size_t wanted = std::min<uint64_t>(piece.size(), *range.end - at);
    const ssize_t got = pread(descriptor, piece.data(), wanted, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return {0, got < 0 ? errno : EIO};
    checksum.crc64nvme = Crc64Nvme(piece.data(), static_cast<size_t>(got), checksum.crc64nvme);
    at += static_cast<uint64_t>(got);
  }
  return checksum;
}

}  // namespace s3native
