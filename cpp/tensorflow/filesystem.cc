#include "filesystem.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <mutex>

#include "growing_file.h"
#include "readable_file.h"
#include "s3native/tensorflow.h"
#include "status.h"
#include "tree.h"

namespace s3native::tensorflow {
namespace {

const CallOptions kUninterrupted;

struct Chosen {
  std::mutex mutex;  // guards what follows
  std::shared_ptr<Client> client;
  pid_t process = 0;  // a forked child needs its own
};

Chosen& GetChosen() {
  static auto* chosen = new Chosen;
  return *chosen;
}

Result<std::shared_ptr<Client>> CurrentClient() {
  Chosen& chosen = GetChosen();
  std::lock_guard lock(chosen.mutex);
  if (chosen.client && chosen.process == getpid()) return chosen.client;
  Result<std::shared_ptr<Client>> made = Client::Create(ConfigOptions());
  if (!made.ok()) return made;
  new std::shared_ptr<Client>(std::move(chosen.client));  // the parent's is not torn down here
  chosen.client = made.value();
  chosen.process = getpid();
  return made;
}

// Slashes at the end say that it is a folder, which is to be found out here.
Result<S3Url> UrlFrom(const char* path) {
  std::string_view trimmed(path);
  while (trimmed.size() > sizeof "s3://" && trimmed.ends_with('/')) trimmed.remove_suffix(1);
  return ParseS3Url(trimmed);
}

// What an operation needs: the client, and the URL of a path.
struct Call {
  std::shared_ptr<Client> client;
  S3Url url;
};

Result<Call> CallFor(const char* path) {
  Result<S3Url> url = UrlFrom(path);
  if (!url.ok()) return std::move(url).error();
  Result<std::shared_ptr<Client>> client = CurrentClient();
  if (!client.ok()) return std::move(client).error();
  return Call{std::move(client).value(), std::move(url).value()};
}

// Calls `work` with what a path means and puts its Status into TensorFlow's.
template <typename Work>
void With(const char* path, TfStatus* status, Work&& work) {
  const Result<Call> call = CallFor(path);
  Set(status, call.ok() ? work(call.value()) : Status(call.error()));
}

// The same with two paths.
template <typename Work>
void With(const char* source, const char* destination, TfStatus* status, Work&& work) {
  With(source, status, [&](const Call& call) -> Status {
    const Result<S3Url> to = UrlFrom(destination);
    if (!to.ok()) return to.error();
    return work(call, to.value());
  });
}

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
  const Result<uint64_t> got =
      Readable(file).Read(offset, {reinterpret_cast<std::byte*>(buffer), size});
  if (!got.ok()) {
    Set(status, got.error());
    return -1;
  }
  if (got.value() < size)
    Set(status, Code::kOutOfRange, "the object ends before the last byte asked for");
  else
    Set(status, Code::kOk);
  return static_cast<int64_t>(got.value());
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
    Result<Fetched> all = call.client->Get(call.url, FetchOptions(), kUninterrupted);
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

// ---- the tree ----

void Init(Owner* filesystem, TfStatus* status) {
  filesystem->object = nullptr;
  Set(status, Code::kOk);
}

// TensorFlow cleans up one that it refuses, while the first is in use: there is nothing to be done.
void Cleanup(Owner*) {}

void MakeFolder(const Owner*, const char* path, TfStatus* status) {
  const Result<Call> call = CallFor(path);
  if (!call.ok()) return Set(status, call.error());
  const Result<bool> made = Tree(*call.value().client).MakeFolder(call.value().url);
  if (!made.ok()) return Set(status, made.error());
  if (!made.value()) return Set(status, Code::kAlreadyExists, path);
  Set(status, Code::kOk);
}

void MakeFolders(const Owner*, const char* path, TfStatus* status) {
  With(path, status, [](const Call& call) { return Tree(*call.client).MakeFolders(call.url); });
}

void DeleteFile(const Owner*, const char* path, TfStatus* status) {
  With(path, status, [](const Call& call) { return Tree(*call.client).DeleteObject(call.url); });
}

void DeleteFolder(const Owner*, const char* path, TfStatus* status) {
  With(path, status, [](const Call& call) { return Tree(*call.client).DeleteFolder(call.url); });
}

void DeleteAll(const Owner*, const char* path, uint64_t* undeleted_files, uint64_t* undeleted_dirs,
               TfStatus* status) {
  *undeleted_files = *undeleted_dirs = 0;
  With(path, status, [&](const Call& call) {
    Status deleted = Tree(*call.client).DeleteAll(call.url, undeleted_files);
    if (!deleted.ok() && *undeleted_files == 0) *undeleted_dirs = 1;
    return deleted;
  });
}

void Rename(const Owner*, const char* source, const char* destination, TfStatus* status) {
  With(source, destination, status, [](const Call& call, const S3Url& to) -> Status {
    if (Status published = PublishFlushed(call.url); !published.ok()) return published;
    return Tree(*call.client).Rename(call.url, to);
  });
}

void Copy(const Owner*, const char* source, const char* destination, TfStatus* status) {
  With(source, destination, status, [](const Call& call, const S3Url& to) -> Status {
    if (Status published = PublishFlushed(call.url); !published.ok()) return published;
    return Tree(*call.client).Copy(call.url, to);
  });
}

enum class Wants { kExistence, kSize };

// What is at a path; kNotFound if nothing is.
Result<Place> Find(const char* path, Wants wants = Wants::kSize) {
  const Result<Call> call = CallFor(path);
  if (!call.ok()) return call.error();
  if (wants == Wants::kSize) {
    if (Status published = PublishFlushed(call.value().url); !published.ok())
      return published.error();
  }
  Result<Place> place = Tree(*call.value().client).Look(call.value().url);
  if (!place.ok() || place.value().kind != Place::Kind::kNothing) return place;
  return ObjectError(ErrorCode::kNotFound, "HeadObject", call.value().url,
                     std::string(path) + " does not exist");
}

void Exists(const Owner*, const char* path, TfStatus* status) {
  const Result<S3Url> url = UrlFrom(path);
  if (url.ok() && IsFresh(url.value())) return Set(status, Code::kOk);
  const Result<Place> place = Find(path, Wants::kExistence);
  place.ok() ? Set(status, Code::kOk) : Set(status, place.error());
}

void Stat(const Owner*, const char* path, FileStatistics* statistics, TfStatus* status) {
  const Result<Place> place = Find(path);
  if (!place.ok()) return Set(status, place.error());
  const ObjectInfo& info = place.value().info;
  *statistics = {static_cast<int64_t>(info.size), info.last_modified_ms * 1'000'000,
                 place.value().kind == Place::Kind::kFolder};
  Set(status, Code::kOk);
}

bool IsFolder(const Owner*, const char* path, TfStatus* status) {
  bool is_folder = false;
  With(path, status, [&](const Call& call) {
    Status found = Tree(*call.client).RequireFolder(call.url);
    is_folder = found.ok();
    return found;
  });
  return is_folder;
}

int64_t FileSize(const Owner*, const char* path, TfStatus* status) {
  const Result<Place> place = Find(path);
  if (!place.ok()) {
    Set(status, place.error());
    return -1;
  }
  if (place.value().kind == Place::Kind::kFolder) {
    Set(status, Code::kFailedPrecondition, (std::string(path) + " is a folder").c_str());
    return -1;
  }
  Set(status, Code::kOk);
  return static_cast<int64_t>(place.value().info.size);
}

char* ToTensorflow(const std::string& text) {
  auto* copy = static_cast<char*>(Allocate(text.size() + 1));
  std::memcpy(copy, text.c_str(), text.size() + 1);
  return copy;
}

int ToTensorflow(const Result<std::vector<std::string>>& names, char*** entries, TfStatus* status) {
  if (!names.ok()) {
    Set(status, names.error());
    return -1;
  }
  const std::vector<std::string>& all = names.value();
  *entries = static_cast<char**>(Allocate((all.size() + 1) * sizeof(char*)));
  for (size_t i = 0; i < all.size(); ++i) (*entries)[i] = ToTensorflow(all[i]);
  Set(status, Code::kOk);
  return static_cast<int>(all.size());
}

int Children(const Owner*, const char* path, char*** entries, TfStatus* status) {
  const Result<Call> call = CallFor(path);
  if (!call.ok()) return ToTensorflow(call.error(), entries, status);
  return ToTensorflow(Tree(*call.value().client).Children(call.value().url), entries, status);
}

int Matching(const Owner*, const char* pattern, char*** entries, TfStatus* status) {
  const Result<Call> call = CallFor(pattern);
  if (!call.ok()) return ToTensorflow(call.error(), entries, status);
  return ToTensorflow(Tree(*call.value().client).Matching(call.value().url), entries, status);
}

char* Translate(const Owner*, const char* uri) { return ToTensorflow(uri); }

void FlushCaches(const Owner*) {}

}  // namespace

void UseClient(std::shared_ptr<Client> client) {
  Chosen& chosen = GetChosen();
  std::lock_guard lock(chosen.mutex);
  chosen.client = std::move(client);
  chosen.process = getpid();
}

void* Allocate(size_t size) { return std::calloc(1, size); }

void Release(void* memory) { std::free(memory); }

FilesystemOps MakeFilesystemOps() {
  return {&Init,       &Cleanup,     &OpenReadable, &OpenWritable, &OpenAppendable, &OpenRegion,
          &MakeFolder, &MakeFolders, &DeleteFile,   &DeleteFolder, &DeleteAll,      &Rename,
          &Copy,       &Exists,      nullptr,       &Stat,         &IsFolder,       &FileSize,
          &Translate,  &Children,    &Matching,     &FlushCaches};
}

RandomAccessFileOps MakeRandomAccessFileOps() { return {&CloseReadable, &Read}; }

WritableFileOps MakeWritableFileOps() {
  // Logs are synchronised where others are flushed.
  return {&CloseWritable, &Write, &Tell, &Flush, &Flush, &Close};
}

MemoryRegionOps MakeMemoryRegionOps() { return {&CloseRegion, &RegionData, &RegionLength}; }

}  // namespace s3native::tensorflow
