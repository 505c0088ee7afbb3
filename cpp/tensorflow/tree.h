// Folders, as file systems have them, over the flat keys of a bucket. A folder is there when a key
// begins with its name and a slash; one that was made and is empty is an empty object of that name,
// with the slash.
//
// Thread-safety: all methods, any thread. Ownership: the client must outlive it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "s3native/client.h"

namespace s3native::tensorflow {

struct Place {
  enum class Kind { kNothing, kObject, kFolder };
  Kind kind = Kind::kNothing;
  ObjectInfo info;  // of an object
};

class Tree {
 public:
  explicit Tree(const Client& client) : client_(client) {}

  // One request for an object, two for anything else.
  Result<Place> Look(const S3Url& url) const;
  // One request for a folder, two for anything else. kPreconditionFailed: an object has that name.
  Status RequireFolder(const S3Url& url) const;
  // Names, without a slash; kNotFound where there is no folder.
  Result<std::vector<std::string>> Children(const S3Url& url) const;
  // URLs of the objects and folders that a pattern of fnmatch means; "*" and "?" stand for no
  // slash. A request for a thousand keys, none for each.
  Result<std::vector<std::string>> Matching(const S3Url& pattern) const;

  // False when there is something already.
  Result<bool> MakeFolder(const S3Url& url) const;
  // kPreconditionFailed: an object has that name.
  Status MakeFolders(const S3Url& url) const;
  Status DeleteObject(const S3Url& url) const;
  // Of an empty one; kPreconditionFailed: it is not.
  Status DeleteFolder(const S3Url& url) const;
  // An object, or a folder with all in it. How many objects are left, if that failed.
  Status DeleteAll(const S3Url& url, uint64_t* left) const;
  // By the server; of a folder, all objects in it, and nothing is deleted before all are copied.
  Status Rename(const S3Url& source, const S3Url& destination) const;
  Status Copy(const S3Url& source, const S3Url& destination) const;

 private:
  template <typename Visit>
  Status ForEachPage(ListRequest request, Visit&& visit) const;
  Result<bool> HasFolder(const S3Url& url) const;
  Result<std::vector<S3Url>> AllIn(const S3Url& folder) const;
  Status DeleteAllOf(const std::vector<S3Url>& urls, uint64_t* left) const;
  Status MoveFolder(const S3Url& source, const S3Url& destination) const;

  const Client& client_;
};

}  // namespace s3native::tensorflow
