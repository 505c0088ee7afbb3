// What is in a folder, in the order in which the keys of all that is below it will be.
// Thread-safety: any thread. Ownership: values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace s3native {

struct FolderEntry {
  enum class Kind { kFile, kFolder, kOther };

  std::string name;  // of a folder with "/" at its end
  Kind kind = Kind::kOther;
  bool is_link = false;  // the rest is about what it leads to
  uint64_t size = 0;     // of a file, as its time
  int64_t mtime_ns = 0;
  int error = 0;  // errno, when it cannot be looked at
};

// Fills `entries`, "a" before "a!" before "a/"; returns errno, 0 when all went well.
int ScanFolder(const std::string& path, std::vector<FolderEntry>* entries);

}  // namespace s3native
