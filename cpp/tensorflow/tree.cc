#include "tree.h"

#include <fnmatch.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>

#include "listings.h"

namespace s3native::tensorflow {
namespace {

// Copies under way at once: the server does the work.
constexpr size_t kCopiesAtOnce = 16;
constexpr char kWildcards[] = "*?[\\";

// What the keys of everything in it begin with.
std::string PrefixOf(const S3Url& folder) { return folder.key.empty() ? "" : folder.key + "/"; }

ListRequest Listing(const std::string& bucket, const std::string& prefix,
                    const char* delimiter = "", int max_keys = 1000) {
  return {bucket, prefix, delimiter, "", "", max_keys};
}

bool IsMissing(const Error& error) { return error.code == ErrorCode::kNotFound; }

Error Missing(const S3Url& url) {
  return ObjectError(ErrorCode::kNotFound, "ListObjectsV2", url,
                     url.ToString() +
                         " does not exist: there is neither such an object nor one "
                         "whose key goes on with a slash");
}

Error Refused(const S3Url& url, const std::string& why) {
  return ObjectError(ErrorCode::kPreconditionFailed, "ListObjectsV2", url,
                     url.ToString() + " " + why);
}

// As many of its components as the pattern has; empty if it has fewer.
std::string_view Head(std::string_view key, size_t components) {
  size_t end = 0;
  for (size_t i = 0; i < components; ++i) {
    if (end > key.size()) return {};
    end = std::min(key.find('/', end), key.size()) + 1;
  }
  return key.substr(0, end - 1);
}

// Calls `work(i)` for each i below `count`, several at once, until one fails.
template <typename Work>
Status ForEachInThreads(size_t count, Work&& work) {
  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::optional<Error> failed;
  const auto run = [&] {
    for (size_t i = next++; i < count; i = next++) {
      Status done = work(i);
      if (done.ok()) continue;
      next = count;
      std::lock_guard lock(mutex);
      if (!failed) failed = std::move(done).error();
    }
  };
  std::vector<std::thread> threads(std::min(count, kCopiesAtOnce));
  for (std::thread& thread : threads) thread = std::thread(run);
  for (std::thread& thread : threads) thread.join();
  if (failed) return *std::move(failed);
  return Ok();
}

}  // namespace

template <typename Visit>
Status Tree::ForEachPage(ListRequest request, Visit&& visit) const {
  do {
    const Result<ListPage> page = List(client_, request);
    if (!page.ok()) return page.error();
    visit(page.value());
    request.continuation_token = page.value().next_token;
  } while (!request.continuation_token.empty());
  return Ok();
}

// ---- what is there ----

Result<bool> Tree::HasFolder(const S3Url& url) const {
  const Result<ListPage> page = List(client_, Listing(url.bucket, PrefixOf(url), "", 1));
  if (!page.ok()) return page.error();
  return url.key.empty() || !page.value().objects.empty();
}

Result<Place> Tree::Look(const S3Url& url) const {
  // What is a folder is known without a request then.
  if (AreListingsKept()) {
    const Result<bool> folder = HasFolder(url);
    if (folder.ok() && folder.value()) return Place{Place::Kind::kFolder, {}};
  }
  if (!url.key.empty()) {
    Result<ObjectInfo> info = client_.Head(url, "", {});
    if (info.ok()) return Place{Place::Kind::kObject, std::move(info).value()};
    if (!IsMissing(info.error())) return info.error();
  }
  const Result<bool> folder = HasFolder(url);
  if (!folder.ok() && !IsMissing(folder.error())) return folder.error();
  const bool is_folder = folder.ok() && folder.value();
  return Place{is_folder ? Place::Kind::kFolder : Place::Kind::kNothing, {}};
}

Status Tree::RequireFolder(const S3Url& url) const {
  const Result<bool> folder = HasFolder(url);
  if (!folder.ok()) return folder.error();
  if (folder.value()) return Ok();
  const Result<ObjectInfo> info = client_.Head(url, "", {});
  if (info.ok()) return Refused(url, "is an object, not a folder");
  return IsMissing(info.error()) ? Missing(url) : info.error();
}

Result<std::vector<std::string>> Tree::Children(const S3Url& url) const {
  const std::string prefix = PrefixOf(url);
  std::vector<std::string> names;
  bool found = url.key.empty();
  const Status listed = ForEachPage(Listing(url.bucket, prefix, "/"), [&](const ListPage& page) {
    found = found || !page.objects.empty() || !page.prefixes.empty();
    for (const ObjectInfo& info : page.objects) {
      if (info.key != prefix) names.push_back(info.key.substr(prefix.size()));
    }
    for (const std::string& folder : page.prefixes)
      names.push_back(folder.substr(prefix.size(), folder.size() - prefix.size() - 1));
  });
  if (!listed.ok()) return listed.error();
  if (!found) return Missing(url);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

Result<std::vector<std::string>> Tree::Matching(const S3Url& pattern) const {
  std::vector<std::string> urls;
  const size_t wildcard = pattern.key.find_first_of(kWildcards);
  if (wildcard == std::string::npos) {
    const Result<Place> place = Look(pattern);
    if (!place.ok()) return place.error();
    if (place.value().kind != Place::Kind::kNothing) urls.push_back(pattern.ToString());
    return urls;
  }
  const size_t components =
      1 + static_cast<size_t>(std::count(pattern.key.begin(), pattern.key.end(), '/'));
  const auto add = [&](std::string_view key) {
    const std::string name(Head(key, components));
    if (name.empty() || name.back() == '/' ||
        fnmatch(pattern.key.c_str(), name.c_str(), FNM_PATHNAME) != 0)
      return;
    std::string url = S3Url{pattern.bucket, name}.ToString();
    if (urls.empty() || urls.back() != url) urls.push_back(std::move(url));
  };
  // Where only names in one folder are looked for, not all that is below them is listed.
  const bool one_folder = pattern.key.find('/', wildcard) == std::string::npos;
  const std::string prefix = pattern.key.substr(0, wildcard);
  const Status listed = ForEachPage(Listing(pattern.bucket, prefix, one_folder ? "/" : ""),
                                    [&](const ListPage& page) {
                                      for (const ObjectInfo& info : page.objects) add(info.key);
                                      for (const std::string& folder : page.prefixes) add(folder);
                                    });
  if (!listed.ok() && !IsMissing(listed.error())) return listed.error();
  std::sort(urls.begin(), urls.end());
  urls.erase(std::unique(urls.begin(), urls.end()), urls.end());
  return urls;
}

// ---- what is made and deleted ----

Result<bool> Tree::MakeFolder(const S3Url& url) const {
  const Result<Place> place = Look(url);
  if (!place.ok()) return place.error();
  if (place.value().kind != Place::Kind::kNothing) return false;
  if (url.key.empty()) {
    const Status made = client_.CreateBucket(url.bucket, {});
    if (!made.ok()) return made.error();
    return true;
  }
  const Result<PutResult> put = client_.Put({url.bucket, PrefixOf(url)}, {}, UploadOptions(), {});
  if (!put.ok()) return put.error();
  return true;
}

Status Tree::MakeFolders(const S3Url& url) const {
  const Result<bool> made = MakeFolder(url);
  if (!made.ok()) return made.error();
  if (made.value()) return Ok();
  return RequireFolder(url);
}

Status Tree::DeleteObject(const S3Url& url) const {
  const Result<ObjectInfo> info = client_.Head(url, "", {});
  if (!info.ok()) return info.error();
  return client_.Delete(url, "", {});
}

Status Tree::DeleteFolder(const S3Url& url) const {
  const std::string prefix = PrefixOf(url);
  const Result<ListPage> page = client_.List(Listing(url.bucket, prefix, "", 2), {});
  if (!page.ok()) return page.error();
  const std::vector<ObjectInfo>& objects = page.value().objects;
  if (objects.empty() && !url.key.empty()) return Missing(url);
  if (url.key.empty() || objects.size() > 1 || objects[0].key != prefix)
    return Refused(url, "is not empty");
  return client_.Delete({url.bucket, prefix}, "", {});
}

Result<std::vector<S3Url>> Tree::AllIn(const S3Url& folder) const {
  std::vector<S3Url> urls;
  const Status listed =
      ForEachPage(Listing(folder.bucket, PrefixOf(folder)), [&](const ListPage& page) {
        for (const ObjectInfo& info : page.objects) urls.push_back({folder.bucket, info.key});
      });
  if (!listed.ok()) return listed.error();
  return urls;
}

Status Tree::DeleteAllOf(const std::vector<S3Url>& urls, uint64_t* left) const {
  *left = urls.size();
  const auto failed = client_.DeleteMany(urls, {});
  if (!failed.ok()) return failed.error();
  *left = failed.value().size();
  if (!failed.value().empty()) return failed.value().front().second;
  return Ok();
}

Status Tree::DeleteAll(const S3Url& url, uint64_t* left) const {
  *left = 0;
  const Result<std::vector<S3Url>> urls = AllIn(url);
  if (!urls.ok()) return urls.error();
  if (urls.value().empty()) return DeleteObject(url);
  return DeleteAllOf(urls.value(), left);
}

// ---- what moves ----

Status Tree::Copy(const S3Url& source, const S3Url& destination) const {
  CopyRequest request;
  request.source = source;
  request.url = destination;
  const Result<PutResult> copied = client_.Copy(request, {});
  if (!copied.ok()) return copied.error();
  return Ok();
}

Status Tree::Rename(const S3Url& source, const S3Url& destination) const {
  if (source.bucket == destination.bucket && source.key == destination.key) {
    const Result<Place> place = Look(source);
    if (!place.ok()) return place.error();
    return place.value().kind == Place::Kind::kNothing ? Missing(source) : Status(Ok());
  }
  Status copied = Copy(source, destination);
  if (copied.ok()) return client_.Delete(source, "", {});
  return IsMissing(copied.error()) ? MoveFolder(source, destination) : copied;
}

Status Tree::MoveFolder(const S3Url& source, const S3Url& destination) const {
  const Result<std::vector<S3Url>> urls = AllIn(source);
  if (!urls.ok()) return urls.error();
  if (urls.value().empty()) return Missing(source);
  const size_t from = PrefixOf(source).size();
  const std::string to = PrefixOf(destination);
  Status copied = ForEachInThreads(urls.value().size(), [&](size_t i) {
    const S3Url& url = urls.value()[i];
    return Copy(url, {destination.bucket, to + url.key.substr(from)});
  });
  if (!copied.ok()) return copied;
  uint64_t left = 0;
  return DeleteAllOf(urls.value(), &left);
}

}  // namespace s3native::tensorflow
