// Folders over keys, in memory and, where the environment names one, on a server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "s3native/tensorflow.h"
#include "support/stream_fixture.h"
#include "tree.h"

namespace s3native::tensorflow {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class TreeTest : public StreamTest, public testing::WithParamInterface<Backend> {
 protected:
  void SetUp() override {
    SetUpOn(GetParam(), 5 << 20);
    if (client_) tree_ = std::make_unique<Tree>(*client_);
  }

  void AddAll(const std::vector<std::string>& names) {
    for (const std::string& name : names) Add(name, name);
  }
  Place::Kind KindOf(const std::string& name) {
    const auto place = tree_->Look(Url(name));
    EXPECT_TRUE(place.ok()) << place.error().message;
    return place.value().kind;
  }
  std::vector<std::string> ChildrenOf(const std::string& name) {
    const auto names = tree_->Children(Url(name));
    EXPECT_TRUE(names.ok()) << names.error().message;
    return names.value();
  }
  // Below the test's own prefix.
  std::vector<std::string> Matching(const std::string& pattern) {
    const auto found = tree_->Matching(Url(pattern));
    EXPECT_TRUE(found.ok()) << found.error().message;
    std::vector<std::string> names;
    for (const std::string& url : found.value())
      names.push_back(url.substr(Url("").ToString().size()));
    return names;
  }
  std::vector<std::string> Keys() {
    const auto page = raw_->List({kBucket, raw_->prefix(), "", "", "", 1000});
    EXPECT_TRUE(page.ok());
    std::vector<std::string> keys;
    for (const ObjectInfo& info : page.value().objects)
      keys.push_back(info.key.substr(raw_->prefix().size()));
    return keys;
  }
  static ErrorCode CodeOf(const Status& status) {
    EXPECT_FALSE(status.ok());
    return status.ok() ? ErrorCode::kOther : status.error().code;
  }

  std::unique_ptr<Tree> tree_;
};

TEST_P(TreeTest, ObjectsAndFolders) {
  AddAll({"a/b/c", "a/b-c", "d"});
  EXPECT_EQ(KindOf("d"), Place::Kind::kObject);
  EXPECT_EQ(KindOf("a"), Place::Kind::kFolder);
  EXPECT_EQ(KindOf("a/b"), Place::Kind::kFolder);
  EXPECT_EQ(KindOf("a/b-"), Place::Kind::kNothing);
  const auto place = tree_->Look(Url("d"));
  EXPECT_EQ(place.value().info.size, 1u);
  EXPECT_GT(place.value().info.last_modified_ms, 0);
}

TEST_P(TreeTest, AtMostTwoRequestsTellWhatIsThere) {
  AddAll({"a/b"});
  const size_t before = store_->calls().size();
  EXPECT_EQ(KindOf("a/b"), Place::Kind::kObject);
  EXPECT_EQ(store_->calls().size(), before + 1);
  EXPECT_EQ(KindOf("a"), Place::Kind::kFolder);
  EXPECT_EQ(store_->calls().size(), before + 3);
  EXPECT_TRUE(tree_->RequireFolder(Url("a")).ok());
  EXPECT_EQ(store_->calls().size(), before + 4);
  EXPECT_FALSE(tree_->RequireFolder(Url("a/b")).ok());
  EXPECT_EQ(store_->calls().size(), before + 6);
}

TEST_P(TreeTest, WhatIsNoFolder) {
  AddAll({"a/b"});
  EXPECT_EQ(CodeOf(tree_->RequireFolder(Url("a/b"))), ErrorCode::kPreconditionFailed);
  EXPECT_EQ(CodeOf(tree_->RequireFolder(Url("a/c"))), ErrorCode::kNotFound);
}

TEST_P(TreeTest, TheBucketIsAFolder) {
  EXPECT_TRUE(tree_->RequireFolder({kBucket, ""}).ok());
  const auto nowhere = tree_->Look({"s3native-no-such-bucket", ""});
  ASSERT_TRUE(nowhere.ok()) << nowhere.error().message;
  EXPECT_EQ(nowhere.value().kind, Place::Kind::kNothing);
}

TEST_P(TreeTest, Children) {
  AddAll({"a/b", "a/b/c", "a/d/e/f", "a/d/g", "ab"});
  EXPECT_THAT(ChildrenOf("a"), ElementsAre("b", "d"));
  EXPECT_THAT(ChildrenOf("a/d"), ElementsAre("e", "g"));
  const auto none = tree_->Children(Url("b"));
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
}

TEST_P(TreeTest, PatternsOfOneFolder) {
  AddAll({"a/x-1.rec", "a/x-2.rec", "a/x-2.rec.idx", "a/y.rec", "a/x-3.rec/deep", "b/x-1.rec"});
  EXPECT_THAT(Matching("a/x-*.rec"), ElementsAre("a/x-1.rec", "a/x-2.rec", "a/x-3.rec"));
  EXPECT_THAT(Matching("a/?.rec"), ElementsAre("a/y.rec"));
  EXPECT_THAT(Matching("a/x-[13].rec"), ElementsAre("a/x-1.rec", "a/x-3.rec"));
  EXPECT_THAT(Matching("a/z*"), IsEmpty());
  ASSERT_TRUE(tree_->MakeFolder(Url("b")).ok());
  ASSERT_TRUE(tree_->MakeFolder(Url("c")).ok());
  EXPECT_THAT(Matching("b/*"), ElementsAre("b/x-1.rec"));
  EXPECT_THAT(Matching("c/*"), IsEmpty());
}

TEST_P(TreeTest, PatternsOfSeveralFolders) {
  AddAll({"r/1/log", "r/2/log", "r/2/other", "r/2/log2/x", "r/log", "r/3/d/log"});
  EXPECT_THAT(Matching("r/*/log"), ElementsAre("r/1/log", "r/2/log"));
  EXPECT_THAT(Matching("r/*/log*"), ElementsAre("r/1/log", "r/2/log", "r/2/log2"));
  EXPECT_THAT(Matching("r/?/*/log"), ElementsAre("r/3/d/log"));
  EXPECT_THAT(Matching("*/2"), ElementsAre("r/2"));
}

TEST_P(TreeTest, PatternsWithoutAWildcardAndWithOneThatIsMeant) {
  AddAll({"a/b", "a/*"});
  EXPECT_THAT(Matching("a/b"), ElementsAre("a/b"));
  EXPECT_THAT(Matching("a"), ElementsAre("a"));
  EXPECT_THAT(Matching("c"), IsEmpty());
  EXPECT_THAT(Matching("a/\\*"), ElementsAre("a/*"));
}

TEST_P(TreeTest, MadeFoldersAreThereWhileTheyAreEmpty) {
  EXPECT_TRUE(tree_->MakeFolder(Url("a")).value());
  EXPECT_FALSE(tree_->MakeFolder(Url("a")).value());
  EXPECT_EQ(KindOf("a"), Place::Kind::kFolder);
  EXPECT_THAT(ChildrenOf("a"), IsEmpty());
  EXPECT_TRUE(tree_->MakeFolders(Url("a/b/c")).ok());
  EXPECT_TRUE(tree_->MakeFolders(Url("a/b/c")).ok());
  EXPECT_THAT(ChildrenOf("a/b"), ElementsAre("c"));
  AddAll({"a/object"});
  EXPECT_FALSE(tree_->MakeFolder(Url("a/object")).value());
  EXPECT_EQ(CodeOf(tree_->MakeFolders(Url("a/object"))), ErrorCode::kPreconditionFailed);
}

TEST_P(TreeTest, OnlyEmptyFoldersAreDeleted) {
  ASSERT_TRUE(tree_->MakeFolder(Url("a")).ok());
  AddAll({"a/b"});
  EXPECT_EQ(CodeOf(tree_->DeleteFolder(Url("a"))), ErrorCode::kPreconditionFailed);
  ASSERT_TRUE(tree_->DeleteObject(Url("a/b")).ok());
  EXPECT_TRUE(tree_->DeleteFolder(Url("a")).ok());
  EXPECT_EQ(CodeOf(tree_->DeleteFolder(Url("a"))), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(tree_->DeleteObject(Url("a/b"))), ErrorCode::kNotFound);
  EXPECT_THAT(Keys(), IsEmpty());
}

TEST_P(TreeTest, AllInAFolderIsDeletedAndNothingBesides) {
  AddAll({"p-1/a", "p-1/b/c", "p-10/a", "p-11"});
  uint64_t left = 0;
  EXPECT_TRUE(tree_->DeleteAll(Url("p-1"), &left).ok());
  EXPECT_THAT(Keys(), ElementsAre("p-10/a", "p-11"));
  EXPECT_TRUE(tree_->DeleteAll(Url("p-11"), &left).ok());
  EXPECT_THAT(Keys(), ElementsAre("p-10/a"));
  EXPECT_EQ(CodeOf(tree_->DeleteAll(Url("p-1"), &left)), ErrorCode::kNotFound);
}

TEST_P(TreeTest, ObjectsAndFoldersAreRenamed) {
  AddAll({"p-1/a", "p-1/b/c", "p-10/a", "object"});
  ASSERT_TRUE(tree_->Rename(Url("object"), Url("p-1/object")).ok());
  ASSERT_TRUE(tree_->Rename(Url("p-1"), Url("q")).ok());
  EXPECT_THAT(Keys(), ElementsAre("p-10/a", "q/a", "q/b/c", "q/object"));
  EXPECT_EQ(raw_->Read("q/b/c", {0, 10}).value(), "p-1/b/c");
  EXPECT_EQ(CodeOf(tree_->Rename(Url("p-1"), Url("r"))), ErrorCode::kNotFound);
}

TEST_P(TreeTest, WhatIsRenamedToItselfStays) {
  AddAll({"a/b"});
  EXPECT_TRUE(tree_->Rename(Url("a/b"), Url("a/b")).ok());
  EXPECT_TRUE(tree_->Rename(Url("a"), Url("a")).ok());
  EXPECT_THAT(Keys(), ElementsAre("a/b"));
  EXPECT_EQ(CodeOf(tree_->Rename(Url("c"), Url("c"))), ErrorCode::kNotFound);
}

TEST_P(TreeTest, AFolderThatCannotBeCopiedWholeStays) {
  std::vector<std::string> names;
  for (int i = 0; i < 40; ++i) names.push_back("a/" + std::to_string(100 + i));
  AddAll(names);
  std::atomic<int> copies{0};
  store_->FailIf(
      [&](const StoreCall& call) { return call.operation == "CopyObject" && ++copies > 20; },
      UnavailableError());
  EXPECT_FALSE(tree_->Rename(Url("a"), Url("b")).ok());
  store_->Heal();
  EXPECT_EQ(ChildrenOf("a").size(), 40u);
}

// ---- listings that are kept ----

TEST_P(TreeTest, OneListingAnswersWhatIsAskedOfAFolderWhileItIsKept) {
  AddAll({"logs/a/events", "logs/b/c/events", "logs/b/other", "logs2/d"});
  KeepListings(60'000);
  const size_t before = store_->calls().size();
  EXPECT_EQ(KindOf("logs"), Place::Kind::kFolder);
  EXPECT_TRUE(tree_->RequireFolder(Url("logs/b")).ok());
  EXPECT_THAT(ChildrenOf("logs"), ElementsAre("a", "b"));
  EXPECT_THAT(ChildrenOf("logs/b"), ElementsAre("c", "other"));
  EXPECT_THAT(Matching("logs/*"), ElementsAre("logs/a", "logs/b"));
  EXPECT_THAT(Matching("logs/*/*"), ElementsAre("logs/a/events", "logs/b/c", "logs/b/other"));
  EXPECT_THAT(Matching("logs/b/*"), ElementsAre("logs/b/c", "logs/b/other"));
  EXPECT_EQ(store_->calls().size(), before + 1);
  KeepListings(0);
  EXPECT_THAT(Matching("logs*"), ElementsAre("logs", "logs2"));
  EXPECT_EQ(store_->calls().size(), before + 2);
}

TEST_P(TreeTest, KeptListingsGrowOld) {
  AddAll({"logs/a"});
  KeepListings(50);
  EXPECT_THAT(ChildrenOf("logs"), ElementsAre("a"));
  AddAll({"logs/b"});
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  EXPECT_THAT(ChildrenOf("logs"), ElementsAre("a", "b"));
  KeepListings(0);
}

INSTANTIATE_TEST_SUITE_P(All, TreeTest, testing::Values(Backend::kMemory, Backend::kServer),
                         [](const auto& info) { return std::string(NameOf(info.param)); });

}  // namespace
}  // namespace s3native::tensorflow
