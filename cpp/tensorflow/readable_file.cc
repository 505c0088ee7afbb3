#include "readable_file.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace s3native::tensorflow {
namespace {

// Bytes asked for where fewer are read: a request for so many costs little more than one for a
// single byte. `Dataset.load` reads 12 and 18 bytes at a time.
constexpr size_t kBuffer = 128 << 10;
// What tf.summary and Keras put into the names of their logs, which TensorBoard reads while they
// grow.
constexpr char kGrowingName[] = ".tfevents.";

bool Grows(const S3Url& url) { return url.key.find(kGrowingName) != std::string::npos; }

}  // namespace

Result<std::unique_ptr<ReadableFile>> ReadableFile::Open(std::shared_ptr<Client> client,
                                                         S3Url url) {
  ReaderOptions options;
  options.follow = Grows(url);
  auto opened = client->OpenReader(std::move(url), options);
  if (!opened.ok()) return opened.error();
  std::unique_ptr<ReadableFile> file(new ReadableFile(std::move(client)));
  file->reader_ = std::move(opened).value();
  return file;
}

uint64_t ReadableFile::CopyFromWindow(uint64_t start, MutableBytes destination) {
  std::lock_guard lock(mutex_);
  if (start < window_start_ || start >= window_start_ + window_.size) return 0;
  const uint64_t skipped = start - window_start_;
  const uint64_t size = std::min<uint64_t>(destination.size, window_.size - skipped);
  std::memcpy(destination.data, window_.slab->data() + window_.offset + skipped, size);
  return size;
}

Result<uint64_t> ReadableFile::Read(uint64_t start, MutableBytes destination) {
  uint64_t got = CopyFromWindow(start, destination);
  while (got < destination.size) {
    const MutableBytes rest{destination.data + got, static_cast<size_t>(destination.size - got)};
    if (rest.size >= kBuffer) {
      const Result<uint64_t> more = reader_->ReadAt(start + got, rest, ReadKind::kNext, {});
      if (!more.ok()) return more.error();
      return got + more.value();
    }
    Result<Fetched> more = reader_->ViewSome(start + got, kBuffer, {});
    if (!more.ok()) return more.error();
    if (more.value().size == 0) break;
    const size_t size = std::min(rest.size, more.value().size);
    std::memcpy(rest.data, more.value().slab->data() + more.value().offset, size);
    std::lock_guard lock(mutex_);
    window_ = std::move(more).value();
    window_start_ = start + got;
    got += size;
  }
  return got;
}

}  // namespace s3native::tensorflow
