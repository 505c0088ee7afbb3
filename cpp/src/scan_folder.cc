#include "s3native/scan_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>

namespace s3native {
namespace {

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};

// Looks at what is no folder by its own word.
void Describe(DIR* folder, unsigned char type, FolderEntry* entry) {
  struct stat status{};
  entry->is_link = type == DT_LNK;
  if (type == DT_UNKNOWN &&
      fstatat(dirfd(folder), entry->name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0)
    entry->is_link = S_ISLNK(status.st_mode);
  if (fstatat(dirfd(folder), entry->name.c_str(), &status, 0) != 0) {
    entry->error = errno;
    return;
  }
  if (S_ISDIR(status.st_mode)) entry->kind = FolderEntry::Kind::kFolder;
  if (!S_ISREG(status.st_mode)) return;
  entry->kind = FolderEntry::Kind::kFile;
  entry->size = static_cast<uint64_t>(status.st_size);
  entry->mtime_ns = int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

}  // namespace

int ScanFolder(const std::string& path, std::vector<FolderEntry>* entries) {
  const std::unique_ptr<DIR, CloseFolder> folder(opendir(path.c_str()));
  if (!folder) return errno;
  errno = 0;
  while (const dirent* found = readdir(folder.get())) {
    const std::string_view name = found->d_name;
    if (name == "." || name == "..") continue;
    FolderEntry entry;
    entry.name = name;
    if (found->d_type == DT_DIR)
      entry.kind = FolderEntry::Kind::kFolder;
    else
      Describe(folder.get(), found->d_type, &entry);
    if (entry.kind == FolderEntry::Kind::kFolder) entry.name += '/';
    entries->push_back(std::move(entry));
    errno = 0;
  }
  std::sort(entries->begin(), entries->end(),
            [](const FolderEntry& a, const FolderEntry& b) { return a.name < b.name; });
  return errno;
}

}  // namespace s3native
