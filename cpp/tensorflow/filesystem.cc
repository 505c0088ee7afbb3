#include "filesystem.h"

#include <cstdlib>
#include <cstring>

#include "call.h"
#include "growing_file.h"
#include "tree.h"

namespace s3native::tensorflow {
namespace {

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

void* Allocate(size_t size) { return std::calloc(1, size); }

void Release(void* memory) { std::free(memory); }

FilesystemOps MakeFilesystemOps() {
  FilesystemOps ops{};
  ops.init = &Init;
  ops.cleanup = &Cleanup;
  AddOpeners(&ops);
  ops.create_dir = &MakeFolder;
  ops.recursively_create_dir = &MakeFolders;
  ops.delete_file = &DeleteFile;
  ops.delete_dir = &DeleteFolder;
  ops.delete_recursively = &DeleteAll;
  ops.rename_file = &Rename;
  ops.copy_file = &Copy;
  ops.path_exists = &Exists;
  ops.stat = &Stat;
  ops.is_directory = &IsFolder;
  ops.get_file_size = &FileSize;
  ops.translate_name = &Translate;
  ops.get_children = &Children;
  ops.get_matching_paths = &Matching;
  ops.flush_caches = &FlushCaches;
  return ops;
}

}  // namespace s3native::tensorflow
