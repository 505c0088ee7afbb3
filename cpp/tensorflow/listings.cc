#include "listings.h"

#include <atomic>
#include <chrono>
#include <list>
#include <mutex>
#include <utility>

#include "s3native/tensorflow.h"

namespace s3native::tensorflow {
namespace {

using Clock = std::chrono::steady_clock;

struct KeptListing {
  std::string bucket;
  std::string prefix;
  std::vector<ObjectInfo> objects;  // in order
  Clock::time_point good_until;

  bool Covers(const ListRequest& request) const {
    return bucket == request.bucket && request.prefix.starts_with(prefix);
  }
};

struct Kept {
  std::atomic<uint32_t> keep_ms{0};
  std::mutex mutex;  // guards what follows
  std::list<std::shared_ptr<const KeptListing>> listings;
};

Kept& GetKept() {
  static auto* kept = new Kept;
  return *kept;
}

Result<std::shared_ptr<const KeptListing>> Ask(const Client& client, const ListRequest& request) {
  auto listing = std::make_shared<KeptListing>();
  listing->bucket = request.bucket;
  listing->prefix = request.prefix;
  ListRequest all{request.bucket, request.prefix, "", "", "", 1000};
  do {
    Result<ListPage> page = client.List(all, {});
    if (!page.ok()) return std::move(page).error();
    for (ObjectInfo& info : page.value().objects) listing->objects.push_back(std::move(info));
    all.continuation_token = page.value().next_token;
  } while (!all.continuation_token.empty());
  listing->good_until = Clock::now() + std::chrono::milliseconds(GetKept().keep_ms);
  return std::shared_ptr<const KeptListing>(std::move(listing));
}

Result<std::shared_ptr<const KeptListing>> Covering(const Client& client,
                                                    const ListRequest& request) {
  Kept& kept = GetKept();
  {
    const Clock::time_point now = Clock::now();
    std::lock_guard lock(kept.mutex);
    std::erase_if(kept.listings, [&](const auto& each) { return each->good_until <= now; });
    for (const auto& listing : kept.listings) {
      if (listing->Covers(request)) return listing;
    }
  }
  auto asked = Ask(client, request);
  if (!asked.ok()) return asked;
  std::lock_guard lock(kept.mutex);
  kept.listings.push_back(asked.value());
  return asked;
}

}  // namespace

void KeepListings(uint32_t keep_ms) { GetKept().keep_ms = keep_ms; }

bool AreListingsKept() { return GetKept().keep_ms != 0; }

Result<ListPage> List(const Client& client, const ListRequest& request) {
  if (!AreListingsKept()) return client.List(request, {});
  const auto listing = Covering(client, request);
  if (!listing.ok()) return listing.error();
  ListPage page;
  for (const ObjectInfo& info : listing.value()->objects) {
    if (!info.key.starts_with(request.prefix)) continue;
    const size_t end = request.delimiter.empty()
                           ? std::string::npos
                           : info.key.find(request.delimiter, request.prefix.size());
    if (end == std::string::npos) {
      page.objects.push_back(info);
      continue;
    }
    std::string folder = info.key.substr(0, end + request.delimiter.size());
    if (page.prefixes.empty() || page.prefixes.back() != folder)
      page.prefixes.push_back(std::move(folder));
  }
  return page;
}

}  // namespace s3native::tensorflow
