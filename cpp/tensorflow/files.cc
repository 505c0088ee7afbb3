// The operations on files that are open, and those that open them.
#include "call.h"
#include "filesystem.h"
#include "growing_file.h"
#include "readable_file.h"

namespace s3native::tensorflow {
namespace {

// ---- files that are read ----

ReadableFile& Readable(const Owner* file) { return *static_cast<ReadableFile*>(file->object); }

void OpenReadable(const Owner*, const char* path, Owner* file, TfStatus* status) {
  With(path, status, [&](const Call& call) -> Status {
    if (Status published = PublishFlushed(call.url); !published.ok()) return published;
    auto opened = ReadableFile::Open(call.client, call.url);
    if (!opened.ok()) return opened.error();
    file->object = std::move(opened).value().release();
    return Ok();
  });
}

int64_t Read(const Owner* file, uint64_t offset, size_t size, char* buffer, TfStatus* status) {
  const Result<ReadableFile::Filled> got =
      Readable(file).Fill(offset, {reinterpret_cast<std::byte*>(buffer), size});
  if (!got.ok()) {
    Set(status, got.error());
    return -1;
  }
  if (got.value().ended)
    Set(status, Code::kOutOfRange, "the object ends before the last byte asked for");
  else
    Set(status, Code::kOk);
  return static_cast<int64_t>(got.value().size);
}

void CloseReadable(Owner* file) { delete static_cast<ReadableFile*>(file->object); }

// ---- files that are written ----

using Growing = std::shared_ptr<GrowingFile>;

GrowingFile& Writable(const Owner* file) { return **static_cast<Growing*>(file->object); }

void OpenWritable(const Owner*, const char* path, Owner* file, TfStatus* status) {
  With(path, status, [&](const Call& call) {
    file->object = new Growing(GrowingFile::Create(call.client, call.url));
    return Ok();
  });
}

void OpenAppendable(const Owner*, const char* path, Owner* file, TfStatus* status) {
  With(path, status, [&](const Call& call) -> Status {
    if (Status published = PublishFlushed(call.url); !published.ok()) return published;
    auto opened = GrowingFile::Append(call.client, call.url);
    if (!opened.ok()) return opened.error();
    file->object = new Growing(std::move(opened).value());
    return Ok();
  });
}

void Write(const Owner* file, const char* data, size_t size, TfStatus* status) {
  Set(status, Writable(file).Write({reinterpret_cast<const std::byte*>(data), size}));
}

int64_t Tell(const Owner* file, TfStatus* status) {
  Set(status, Code::kOk);
  return static_cast<int64_t>(Writable(file).size());
}

void Flush(const Owner* file, TfStatus* status) { Set(status, Writable(file).Flush()); }

void Sync(const Owner* file, TfStatus* status) { Set(status, Writable(file).Sync()); }

void Close(const Owner* file, TfStatus* status) { Set(status, Writable(file).Close()); }

// `Dataset.cache` does not close its files.
void CloseWritable(Owner* file) {
  auto* growing = static_cast<Growing*>(file->object);
  (void)(*growing)->Close();  // nobody is there to hear of an error
  delete growing;
}

// ---- memory ----

void OpenRegion(const Owner*, const char* path, Owner* region, TfStatus* status) {
  With(path, status, [&](const Call& call) -> Status {
    Result<Fetched> all = call.client->Get(call.url, FetchOptions(), {});
    if (!all.ok()) return all.error();
    if (all.value().size == 0)
      return InvalidArgument(call.url.ToString() + " is empty: there is no memory to be had of it");
    region->object = new Fetched(std::move(all).value());
    return Ok();
  });
}

const void* RegionData(const Owner* region) {
  const auto& fetched = *static_cast<const Fetched*>(region->object);
  return fetched.slab->data() + fetched.offset;
}

uint64_t RegionLength(const Owner* region) {
  return static_cast<const Fetched*>(region->object)->size;
}

void CloseRegion(Owner* region) { delete static_cast<Fetched*>(region->object); }

}  // namespace

void AddOpeners(FilesystemOps* ops) {
  ops->new_random_access_file = &OpenReadable;
  ops->new_writable_file = &OpenWritable;
  ops->new_appendable_file = &OpenAppendable;
  ops->new_read_only_memory_region_from_file = &OpenRegion;
}

RandomAccessFileOps MakeRandomAccessFileOps() { return {&CloseReadable, &Read}; }

WritableFileOps MakeWritableFileOps() {
  return {&CloseWritable, &Write, &Tell, &Flush, &Sync, &Close};
}

MemoryRegionOps MakeMemoryRegionOps() { return {&CloseRegion, &RegionData, &RegionLength}; }

}  // namespace s3native::tensorflow
