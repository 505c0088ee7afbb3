#include "crt/file_receiver.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "file_io.h"

namespace s3native::crt {
namespace {

constexpr size_t kBuffer = 256 * 1024;
// What the kernel lets a pipe hold unless it is told otherwise (/proc/sys/fs/pipe-max-size). It
// holds references to what was received, and no memory of its own.
constexpr int kPipe = 1 << 20;

}  // namespace

FileReceiver::~FileReceiver() {
  if (out_ >= 0) close(out_);
  if (in_ >= 0) close(in_);
}

MutableBytes FileReceiver::buffer() {
  buffer_.resize(kBuffer);
  return {buffer_.data(), buffer_.size()};
}

bool FileReceiver::HasPipe() {
  if (pipe_ != Pipe::kNone) return pipe_ == Pipe::kOpen;
  int ends[2];
  pipe_ = Pipe::kUseless;
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return false;
  out_ = ends[0];
  in_ = ends[1];
  fcntl(in_, F_SETPIPE_SZ, kPipe);  // refused, it works with less
  pipe_ = Pipe::kOpen;
  return true;
}

ssize_t FileReceiver::Receive(int socket, const FilePlace& place, size_t size) {
  if (!HasPipe()) return ByWayOfBuffer(socket, place, size);
  const ssize_t taken =
      splice(socket, nullptr, in_, nullptr, std::min<size_t>(size, kPipe), SPLICE_F_NONBLOCK);
  if (taken < 0 && errno == EINVAL) {
    pipe_ = Pipe::kUseless;
    return ByWayOfBuffer(socket, place, size);
  }
  if (taken > 0) Drain(place, static_cast<size_t>(taken));
  return taken;
}

ssize_t FileReceiver::ByWayOfBuffer(int socket, const FilePlace& place, size_t size) {
  const MutableBytes into = buffer();
  const ssize_t taken = recv(socket, into.data, std::min(size, into.size), 0);
  if (taken > 0)
    *place.error = WriteAt(place.descriptor, {into.data, static_cast<size_t>(taken)}, place.offset);
  return taken;
}

// Of the pipe, all.
void FileReceiver::Drain(const FilePlace& place, size_t size) {
  auto offset = static_cast<loff_t>(place.offset);
  while (size != 0 && pipe_ == Pipe::kOpen) {
    const auto lock = LockForWriting(place.descriptor);
    const ssize_t moved = splice(out_, nullptr, place.descriptor, &offset, size, 0);
    if (moved < 0 && errno == EINTR) continue;
    if (moved < 0 && errno == EINVAL) {
      pipe_ = Pipe::kUseless;  // such a file takes nothing from pipes
    } else if (moved <= 0) {
      *place.error = moved < 0 ? errno : EIO;
      return;
    } else {
      size -= static_cast<size_t>(moved);
    }
  }
  while (size != 0) {
    const MutableBytes into = buffer();
    const ssize_t taken = read(out_, into.data, std::min(size, into.size));
    if (taken < 0 && errno == EINTR) continue;
    const ConstBytes data{into.data, static_cast<size_t>(std::max<ssize_t>(taken, 0))};
    *place.error =
        taken <= 0 ? EIO : WriteAt(place.descriptor, data, static_cast<uint64_t>(offset));
    if (*place.error != 0) return;
    offset += taken;
    size -= static_cast<size_t>(taken);
  }
}

}  // namespace s3native::crt
