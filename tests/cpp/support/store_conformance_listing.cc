// Conformance of listings and buckets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "support/store_conformance.h"

namespace s3native {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ListRequest RequestFor(StoreDriver& s3, const std::string& prefix = "") {
  ListRequest request;
  request.bucket = s3.bucket();
  request.prefix = s3.prefix() + prefix;
  return request;
}

struct Listing {
  std::vector<std::string> keys;      // without the driver's prefix
  std::vector<std::string> prefixes;  // likewise
  int pages = 0;
};

// Follows the pages to the end.
Listing ListAll(StoreDriver& s3, ListRequest request) {
  Listing listing;
  do {
    const Result<ListPage> page = s3.List(request);
    EXPECT_TRUE(page.ok()) << page.error().message;
    if (!page.ok() || ++listing.pages > 100) return listing;
    const size_t cut = s3.prefix().size();
    for (const ObjectInfo& object : page.value().objects)
      listing.keys.push_back(object.key.substr(cut));
    for (const std::string& prefix : page.value().prefixes)
      listing.prefixes.push_back(prefix.substr(cut));
    request.continuation_token = page.value().next_token;
  } while (!request.continuation_token.empty());
  return listing;
}

void PutAll(StoreDriver& s3, const std::vector<std::string>& keys) {
  for (const std::string& key : keys) ASSERT_TRUE(s3.Put(key, "x").ok()) << key;
}

void ListsInByteOrder(StoreDriver& s3) {
  PutAll(s3, {"b", "a/2", "a/10", "B", "ä", "z", "a-"});
  EXPECT_THAT(ListAll(s3, RequestFor(s3)).keys,
              ElementsAre("B", "a-", "a/10", "a/2", "b", "z", "ä"));
}

void ListsWhatObjectsAre(StoreDriver& s3) {
  const Result<PutResult> put = s3.Put("k", "12345");
  ASSERT_TRUE(put.ok());
  const Result<ListPage> page = s3.List(RequestFor(s3));
  ASSERT_TRUE(page.ok()) << page.error().message;
  ASSERT_EQ(page.value().objects.size(), 1u);
  const ObjectInfo& object = page.value().objects[0];
  EXPECT_EQ(object.key, s3.Url("k").key);
  EXPECT_EQ(object.size, 5u);
  EXPECT_EQ(object.etag, put.value().etag);
  EXPECT_GT(object.last_modified_ms, 1'600'000'000'000);
  EXPECT_EQ(page.value().next_token, "");
}

void ListsBelowAPrefix(StoreDriver& s3) {
  PutAll(s3, {"train/1", "train/2", "training", "val/1"});
  EXPECT_THAT(ListAll(s3, RequestFor(s3, "train/")).keys, ElementsAre("train/1", "train/2"));
  EXPECT_THAT(ListAll(s3, RequestFor(s3, "train")).keys,
              ElementsAre("train/1", "train/2", "training"));
  EXPECT_THAT(ListAll(s3, RequestFor(s3, "nothing")).keys, IsEmpty());
}

void FoldsBelowADelimiter(StoreDriver& s3) {
  PutAll(s3, {"a/1", "a/2/3", "b", "c/1"});
  ListRequest request = RequestFor(s3);
  request.delimiter = "/";
  Listing listing = ListAll(s3, request);
  EXPECT_THAT(listing.keys, ElementsAre("b"));
  EXPECT_THAT(listing.prefixes, ElementsAre("a/", "c/"));
  request = RequestFor(s3, "a/");
  request.delimiter = "/";
  listing = ListAll(s3, request);
  EXPECT_THAT(listing.keys, ElementsAre("a/1"));
  EXPECT_THAT(listing.prefixes, ElementsAre("a/2/"));
}

void ListsPageByPage(StoreDriver& s3) {
  PutAll(s3, {"1", "2", "3", "4", "5"});
  ListRequest request = RequestFor(s3);
  request.max_keys = 2;
  const Listing listing = ListAll(s3, request);
  EXPECT_THAT(listing.keys, ElementsAre("1", "2", "3", "4", "5"));
  EXPECT_EQ(listing.pages, 3);
}

void FoldsPageByPage(StoreDriver& s3) {
  PutAll(s3, {"a/1", "a/2", "b", "c/1", "c/2", "d"});
  for (int max_keys : {1, 2, 3}) {
    ListRequest request = RequestFor(s3);
    request.delimiter = "/";
    request.max_keys = max_keys;
    const Listing listing = ListAll(s3, request);
    EXPECT_THAT(listing.keys, ElementsAre("b", "d")) << max_keys;
    EXPECT_THAT(listing.prefixes, ElementsAre("a/", "c/")) << max_keys;
  }
}

void StartsAfterAKey(StoreDriver& s3) {
  PutAll(s3, {"1", "2", "3"});
  ListRequest request = RequestFor(s3);
  request.start_after = s3.Url("1").key;
  EXPECT_THAT(ListAll(s3, request).keys, ElementsAre("2", "3"));
  request.start_after = s3.Url("1x").key;
  EXPECT_THAT(ListAll(s3, request).keys, ElementsAre("2", "3"));
  request.max_keys = 1;
  EXPECT_THAT(ListAll(s3, request).keys, ElementsAre("2", "3"));
  request.start_after = s3.Url("3").key;
  EXPECT_THAT(ListAll(s3, request).keys, IsEmpty());
}

void ListsEveryKeyAsItIs(StoreDriver& s3) {
  const std::vector<std::string> keys = {"a b", "a+b",    "a%20b", "q?x=1&y=2",
                                         "h#f", "<&>\"'", "ä/日本"};
  PutAll(s3, keys);
  std::vector<std::string> sorted = keys;
  std::sort(sorted.begin(), sorted.end());
  ListRequest request = RequestFor(s3);
  EXPECT_EQ(ListAll(s3, request).keys, sorted);
  request.max_keys = 1;
  EXPECT_EQ(ListAll(s3, request).keys, sorted);
  EXPECT_THAT(ListAll(s3, RequestFor(s3, "a%")).keys, ElementsAre("a%20b"));
}

void ListOfMissingBucketFails(StoreDriver& s3) {
  ListRequest request;
  request.bucket = "no-such-bucket-7f3a9c";
  const Result<ListPage> page = s3.List(request);
  ASSERT_FALSE(page.ok());
  EXPECT_STREQ(ErrorCodeName(page.error().code), "NotFound");
  EXPECT_EQ(page.error().operation, "ListObjectsV2");
}

void CreatesAndDeletesBuckets(StoreDriver& s3) {
  std::string bucket = s3.prefix();
  bucket.pop_back();  // the random name, without its slash
  ASSERT_TRUE(s3.CreateBucket(bucket).ok());
  const Result<std::vector<BucketInfo>> buckets = s3.ListBuckets();
  ASSERT_TRUE(buckets.ok()) << buckets.error().message;
  const auto found = std::find_if(buckets.value().begin(), buckets.value().end(),
                                  [&](const BucketInfo& info) { return info.name == bucket; });
  ASSERT_NE(found, buckets.value().end());
  EXPECT_GT(found->created_ms, 1'600'000'000'000);

  StoreDriver inside(std::shared_ptr<ObjectStore>(&s3.store(), [](ObjectStore*) {}), bucket, "");
  ASSERT_TRUE(inside.Put("k", "x").ok());
  EXPECT_FALSE(s3.DeleteBucket(bucket).ok()) << "deleted although it is not empty";
  const std::string version_id = inside.Head("k").value().version_id;
  ASSERT_TRUE(inside.Delete("k", version_id).ok());
  EXPECT_TRUE(s3.DeleteBucket(bucket).ok());
  const Status again = s3.DeleteBucket(bucket);
  ASSERT_FALSE(again.ok());
  EXPECT_STREQ(ErrorCodeName(again.error().code), "NotFound");
}

}  // namespace

std::vector<ConformanceTest> ListingConformanceTests() {
  return {{"ListsInByteOrder", ListsInByteOrder},
          {"ListsWhatObjectsAre", ListsWhatObjectsAre},
          {"ListsBelowAPrefix", ListsBelowAPrefix},
          {"FoldsBelowADelimiter", FoldsBelowADelimiter},
          {"ListsPageByPage", ListsPageByPage},
          {"FoldsPageByPage", FoldsPageByPage},
          {"StartsAfterAKey", StartsAfterAKey},
          {"ListsEveryKeyAsItIs", ListsEveryKeyAsItIs},
          {"ListOfMissingBucketFails", ListOfMissingBucketFails},
          {"CreatesAndDeletesBuckets", CreatesAndDeletesBuckets}};
}

}  // namespace s3native
