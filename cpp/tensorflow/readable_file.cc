#include "readable_file.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>

#include "log_name.h"
#include "record_header.h"

namespace s3native::tensorflow {
namespace {

// Bytes asked for where fewer are read: a request for so many costs little more than one for a
// single byte. `Dataset.load` reads 12 and 18 bytes at a time.
constexpr size_t kBuffer = 128 << 10;
// What TFRecordDataset reads at once where a path begins with "s3://", whatever its buffer_size
// says (kS3BlockSize in tf_record_dataset_op.cc). Filled as a whole that is 127 MiB of new memory
// for each file, and nothing is parsed until the last byte is there.
constexpr uint64_t kRecordBuffer = 127 << 20;
// What it gets instead, and parses while the next is under way. Half of it, or twice, is slower.
constexpr uint64_t kRecordPiece = 4 << 20;
// Memory that may well be new, and is worth asking the kernel for huge pages: without them new
// memory costs more than receiving into it.
constexpr size_t kLarge = 4 << 20;
constexpr uintptr_t kPage = 4096;

// A wish: kernels that do not grant it serve small pages.
void PreferHugePages(MutableBytes memory) {
  if (memory.size < kLarge) return;
  const auto begin = reinterpret_cast<uintptr_t>(memory.data);
  const uintptr_t first = (begin + kPage - 1) & ~(kPage - 1);
  const uintptr_t last = (begin + memory.size) & ~(kPage - 1);
  madvise(memory.data + (first - begin), last - first, MADV_HUGEPAGE);
}

}  // namespace

Result<std::unique_ptr<ReadableFile>> ReadableFile::Open(std::shared_ptr<Client> client,
                                                         S3Url url) {
  ReaderOptions options;
  options.follow = IsLog(url);
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

Result<ReadableFile::Filled> ReadableFile::Fill(uint64_t start, MutableBytes buffer) {
  PreferHugePages(buffer);
  const Result<uint64_t> enough = Enough(start, buffer.size);
  if (!enough.ok()) return enough.error();
  const Result<uint64_t> got = Read(start, {buffer.data, static_cast<size_t>(enough.value())});
  if (!got.ok()) return got.error();
  return Filled{got.value(), got.value() < enough.value()};
}

Result<uint64_t> ReadableFile::Enough(uint64_t start, uint64_t size) {
  if (size != kRecordBuffer) return size;
  std::unique_lock lock(mutex_);
  if (use_ == Use::kUnknown) {
    lock.unlock();
    const Result<Use> use = UseOf(start);
    if (!use.ok()) return use.error();
    lock.lock();
    use_ = use.value();
  }
  return use_ == Use::kRecords ? kRecordPiece : size;
}

// A buffer of records is filled from where one begins, first at the start of the file or where an
// iterator was restored, and is larger than the file or smaller. A tensor of a checkpoint that is
// as large, or a file that is read as a whole, is none of that: they must get all.
Result<ReadableFile::Use> ReadableFile::UseOf(uint64_t start) {
  std::array<std::byte, kRecordHeader> head;
  const Result<uint64_t> got = Read(start, {head.data(), head.size()});
  if (!got.ok()) return got.error();
  if (got.value() < head.size() || !IsRecordHeader(head.data())) return Use::kOther;
  const std::optional<ObjectInfo> info = reader_->Pinned();
  return info && info->size != start + kRecordBuffer ? Use::kRecords : Use::kOther;
}

}  // namespace s3native::tensorflow
