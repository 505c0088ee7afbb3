// Readers over a store in memory and, where the environment names one, over a server.
#include "s3native/reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <random>
#include <thread>

#include "support/reader_fixture.h"

namespace s3native {
namespace {

TEST_P(ReaderTest, ReadsWholeObjects) {
  std::vector<uint64_t> sizes = {1, kWindow, Pattern().size()};
  if (!on_server()) sizes.insert(sizes.end(), {kBlock / 2, kBlock, kWindow + 1, 2 * kWindow});
  for (const uint64_t size : sizes) {
    OpenNew(size);
    ExpectRead(0, size);
    for (const uint64_t step : {size + 1, kBlock, uint64_t{100'001}}) {
      Reopen();
      ExpectReadThrough(step);
      ExpectRead(size, 1);
    }
    EXPECT_EQ(reader_->Size({}).value(), size);
    EXPECT_EQ(reader_->Info({}).value().etag, etag_);
  }
}

TEST_P(ReaderTest, ReadsTheRest) {
  OpenNew(kWindow + 5);
  ExpectRead(0, kWindow + 5, ReadKind::kRest);
  ExpectRead(3, kWindow + 5, ReadKind::kRest);
  Reopen();
  ExpectRead(0, 2 * kWindow, ReadKind::kRest);
  EXPECT_EQ(reader_->PredictedRest(5), kWindow);
  EXPECT_EQ(reader_->PredictedRest(kWindow + 9), 0u);
}

TEST_P(ReaderTest, SmallSteps) {
  OpenNew(1'000);
  ExpectReadThrough(7);
  Reopen();
  for (uint64_t at = 0; at < content_.size();) at += std::max<uint64_t>(ExpectSome(at, 11), 1);
}

TEST_P(ReaderTest, ViewsOfTheRest) {
  for (const uint64_t size : {0ull, 1ull, 1'000ull, 3ull * kBlock, 3ull * kBlock + 17}) {
    for (const bool follow : {false, true}) {
      ReaderOptions options;
      options.follow = follow;
      for (const uint64_t start : {uint64_t{0}, size / 3, size, size + 5}) {
        OpenNew(size, options);
        ExpectRest(start);
        ExpectRest(start);  // of what is known by now
      }
    }
  }
}

TEST_P(ReaderTest, ViewsOfTheRestOfWhatGrowsTakeFewRequests) {
  ReaderOptions options;
  options.follow = true;
  OpenNew(6 * kBlock, options);
  const int before = Gets();
  ExpectRest(0);
  EXPECT_LE(Gets(), before + 10) << "what is predicted, and the rest in parts";
}

TEST_P(ReaderTest, ViewsOfTheRestEndWhenThereIsEnough) {
  OpenNew(3 * kBlock);
  const auto view = reader_->ViewRest(0, 1, {});
  ASSERT_TRUE(view.ok());
  EXPECT_LT(view.value().size, content_.size());
  EXPECT_TRUE(TextOf(view.value()) == Expected(0, view.value().size));
}

TEST_P(ReaderTest, AViewOfASmallObjectTakesOneRequest) {
  OpenNew(1'000);
  const int before = Gets();
  ExpectRest(0);
  EXPECT_EQ(Gets(), before + 1);
}

TEST_P(ReaderTest, NothingIsBehindTheEnd) {
  OpenNew(1'000);
  ExpectRead(1'000, 5);  // the size is not known yet
  ExpectRead(5'000, 5, ReadKind::kAlone);
  ExpectView(1'001, 7);
  ExpectSome(1'000, 7);
  ExpectRead(990, 50);
  ExpectRead(990, 50);
  const int before = Gets();
  ExpectRead(1'000, 5);
  ExpectRead(UINT64_MAX - 1, 5);
  ExpectView(2'000, 5);
  EXPECT_EQ(ExpectSome(1'000, 5), 0u);
  EXPECT_EQ(Gets(), before) << "now it is known";
}

TEST_P(ReaderTest, EmptyObjects) {
  OpenNew(0);
  ExpectRead(0, 100);
  ExpectRead(0, 100, ReadKind::kRest);
  Reopen();
  ExpectView(0, 100);
  Reopen();
  EXPECT_EQ(ExpectSome(0, 100), 0u);
  Reopen();
  EXPECT_EQ(reader_->Size({}).value(), 0u);
  ExpectRead(0, 100);
  ExpectRead(7, 100);
  Reopen();
  WillNeed({{0, 10}});
}

TEST_P(ReaderTest, BackwardsAndInStrides) {
  OpenNew(3 * kBlock + 17);
  for (uint64_t at = content_.size(); at > 200'000; at -= 200'000)
    ExpectRead(at - 200'000, 200'000);
  for (uint64_t at = 0; at < content_.size(); at += 300'000) ExpectRead(at, 10'000);
  for (uint64_t at = 0; at < content_.size(); at += 300'000) {
    ExpectRead(at, 10'000);
    ExpectRead(at + 10'000, 10'000);  // short runs
  }
  for (const uint64_t at : {0, 100'000, 50'000, 150'000, 100'000, 200'000}) ExpectRead(at, 60'000);
}

TEST_P(ReaderTest, AnySequenceOfReads) {
  for (unsigned seed = 0; seed < (on_server() ? 1 : 6); ++seed) {
    std::mt19937 random(seed);
    OpenNew(random() % Pattern().size() + 1);
    for (int i = 0; i < 120 && !HasFatalFailure(); ++i) RandomStep(&random);
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

TEST_P(ReaderTest, OpeningSendsNothing) {
  OpenNew(1'000);
  EXPECT_FALSE(reader_->Pinned());
  reader_ = nullptr;
  EXPECT_TRUE(store_->calls().empty());
}

TEST_P(ReaderTest, AFirstReadAsksForWhatIsWanted) {
  OpenNew(4 * kBlock);
  ExpectRead(5'000, 100);
  ASSERT_EQ(store_->calls().size(), 1u);
  EXPECT_EQ(store_->calls()[0].range, (ByteRange{5'000, 5'100}));
  EXPECT_EQ(reader_->Pinned()->etag, etag_);
}

TEST_P(ReaderTest, AViewAsksForWhatIsWanted) {
  OpenNew(4 * kBlock);
  ExpectView(5'000, 100);
  ASSERT_EQ(store_->calls().size(), 1u);
  EXPECT_EQ(store_->calls()[0].range, (ByteRange{5'000, 5'100}));
}

TEST_P(ReaderTest, SmallReadsInARowShareRequests) {
  OpenNew(4 * kBlock);
  ExpectReadThrough(64 << 10);
  if (access() == Access::kRandom)
    EXPECT_EQ(Gets(), 64);
  else
    EXPECT_LE(Gets(), 14);
}

TEST_P(ReaderTest, LargeReadsGoStraightToTheirMemory) {
  OpenNew(Pattern().size());
  uint64_t most = 0;
  store_->FailIf(
      [&](const StoreCall&) {
        most = std::max(most, InUse());
        return false;
      },
      UnavailableError());
  ExpectRead(0, 100'000);
  ExpectRead(100'000, content_.size() - 200'000);
  EXPECT_LE(std::max(most, InUse()), access() == Access::kRandom ? 0 : kWindow + kBlock);
}

TEST_P(ReaderTest, ReadsAheadNoMoreThanTheWindow) {
  OpenNew(Pattern().size());
  for (uint64_t at = 0; at < content_.size(); at += 100'000) {
    ExpectRead(at, 100'000);
    // One block sticks out; as much as this is kept behind for seeks.
    ASSERT_LE(InUse(), kWindow + kBlock + (2 << 20)) << at;
  }
}

TEST_P(ReaderTest, WithoutAWindowNothingIsReadAhead) {
  ReaderOptions options;
  options.readahead = 0;
  OpenNew(kBlock, options);
  for (uint64_t at = 0; at < kBlock; at += 100'000) {
    ExpectRead(at, 100'000);
    ASSERT_EQ(InUse(), 0u);
  }
  EXPECT_EQ(Gets(), 11);
}

TEST_P(ReaderTest, WillNeedAsksOnce) {
  OpenNew(4 * kBlock);
  ExpectRead(0, 1, ReadKind::kAlone);
  const int before = Gets();
  // The first two share a request.
  WillNeed({{100'000, 110'000}, {120'000, 130'000}, {kBlock, 3 * kBlock}, {7, 7}});
  const int asked = Gets() - before;
  EXPECT_EQ(asked, 3);  // a part each
  ExpectRead(120'000, 10'000, ReadKind::kAlone);
  WillNeed({{kBlock, 2 * kBlock}});
  ExpectRead(kBlock, kBlock);
  ExpectRead(2 * kBlock, kBlock, ReadKind::kAlone);
  const std::vector<StoreCall> calls = store_->calls();
  for (size_t i = static_cast<size_t>(before + asked); i < calls.size(); ++i)  // ahead, at most
    EXPECT_GE(calls[i].range->start, 3 * kBlock);
}

TEST_P(ReaderTest, WhatIsNeededIsKeptUntilItHasBeenRead) {
  OpenNew(4 * kBlock);
  WillNeed({{kBlock, kBlock + 1'000}});
  EXPECT_EQ(store_->count("HeadObject"), 1);
  ExpectRead(3 * kBlock, 10);  // jumps
  ExpectRead(10, 10);
  const int before = Gets();
  ExpectRead(kBlock, 1'000, ReadKind::kAlone);
  EXPECT_EQ(Gets(), before);
  ExpectRead(kBlock, 1'000, ReadKind::kAlone);
  EXPECT_EQ(Gets(), before + 1);
}

TEST_P(ReaderTest, WillNeedTakesAnyRanges) {
  OpenNew(1'000);
  WillNeed({});
  EXPECT_EQ(store_->calls().size(), 0u);
  WillNeed({{990, 5'000}, {2'000, 3'000}, {0, 1'000}});
  ExpectRead(0, 1'000);
  const Status refused = reader_->WillNeed({{5, 1}}, {});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
}

// ---- which object ----

TEST_P(ReaderTest, AnOverwrittenObjectIsNotRead) {
  const std::string other(4 * kBlock, 'x');
  OpenNew(4 * kBlock);
  ExpectRead(0, 1'000);
  ExpectRead(1'000, 1'000);
  Add("object", other);
  uint64_t at = 2'000;
  for (; at < content_.size(); at += 10'000) {  // what is at hand is of the first one
    const auto text = Read(at, 10'000);
    if (!text.ok()) break;
    ASSERT_TRUE(text.value() == Expected(at, 10'000)) << at;
  }
  ASSERT_LT(at, content_.size());
  ExpectRefused(Read(at, 10'000));
  ExpectRefused(Read(2 * kBlock, kBlock, ReadKind::kAlone));
  ExpectRefused(Read(3 * kBlock, 2 * kBlock));
  EXPECT_FALSE(reader_->ViewAt(3 * kBlock, 100, {}).ok());
  Reopen();
  content_ = other;
  ExpectReadThrough(kBlock);
}

TEST_P(ReaderTest, AnObjectThatBecameShorterIsNotRead) {
  OpenNew(4 * kBlock);
  ExpectRead(0, 1'000, ReadKind::kAlone);
  Add("object", "short");
  ExpectRefused(Read(kBlock, 10, ReadKind::kAlone));
  ExpectRefused(Read(0, 5, ReadKind::kAlone));
}

TEST_P(ReaderTest, ADeletedObjectIsNotFound) {
  OpenNew(1'000);
  ExpectRead(0, 10, ReadKind::kAlone);
  ASSERT_TRUE(raw_->Delete("object").ok());
  const auto text = Read(10, 10, ReadKind::kAlone);
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.error().code, ErrorCode::kNotFound);
}

TEST_P(ReaderTest, ABelievedSizeThatIsRightSavesAQuestion) {
  ReaderOptions options;
  options.size = 2 * kBlock;
  OpenNew(2 * kBlock, options);
  EXPECT_EQ(reader_->Size({}).value(), 2 * kBlock);
  EXPECT_EQ(reader_->PredictedRest(0), 2 * kBlock);
  ExpectRead(2 * kBlock, 10);
  EXPECT_TRUE(store_->calls().empty());
  ExpectRead(0, 3 * kBlock);
}

TEST_P(ReaderTest, AWrongBeliefIsRefused) {
  for (const uint64_t size : {500, 999, 1'001, 5'000}) {
    ReaderOptions options;
    options.size = size;
    OpenNew(1'000, options);
    ExpectRefused(Read(0, 400));
    ExpectRefused(Read(0, 10'000));
    EXPECT_FALSE(reader_->Info({}).ok());
  }
  ReaderOptions larger;
  larger.size = 5'000;
  OpenNew(1'000, larger);
  EXPECT_FALSE(Read(2'000, 100).ok()) << "nothing is there, against what is believed";
  ReaderOptions options;
  options.etag = "\"0123456789abcdef0123456789abcdef\"";
  OpenNew(1'000, options);
  ExpectRefused(Read(0, 400));
  ExpectRefused(Read(0, 400, ReadKind::kRest));
  EXPECT_FALSE(reader_->Info({}).ok());
  EXPECT_FALSE(reader_->WillNeed({{0, 10}}, {}).ok());
}

TEST_P(ReaderTest, ARightBeliefReadsAheadAtOnce) {
  ReaderOptions options;
  options.size = 4 * kBlock;
  content_ = std::string_view(Pattern()).substr(0, 4 * kBlock);
  options.etag = Add("object", content_);
  Open("object", options);
  ExpectReadThrough(100'000);
}

TEST_P(ReaderTest, AFollowedObjectGrows) {
  ReaderOptions options;
  options.follow = true;
  OpenNew(1'000, options);
  ExpectRead(0, 700);
  ExpectRead(700, 700);
  ExpectRead(1'000, 10);
  content_ = std::string_view(Pattern()).substr(0, 3'000);
  Add("object", content_);
  ExpectRead(1'000, 10'000);
  EXPECT_EQ(reader_->Size({}).value(), 3'000u);
  ExpectView(2'500, 1'000);
  WillNeed({{0, 1'000}});
  EXPECT_FALSE(reader_->Pinned());
}

// ---- memory ----

TEST_P(ReaderTest, ReadsWithLittleMemory) {
  std::vector<uint64_t> limits = {1, kBlock};
  if (!on_server()) limits.insert(limits.end(), {100'000, kWindow});
  for (const uint64_t limit : limits) {
    SetLimit(limit);
    OpenNew(3 * kBlock + 1);
    WillNeed({{0, kBlock}, {2 * kBlock, 3 * kBlock}, {3 * kBlock, 3 * kBlock + 1}});
    ExpectReadThrough(70'001);
    ExpectView(kBlock - 5, kBlock);
    EXPECT_LE(Reserved(), limit);
    reader_ = nullptr;
    ExpectMemoryReleased();
  }
}

TEST_P(ReaderTest, ViewsOutliveTheirReader) {
  OpenNew(4 * kBlock);
  ExpectRead(0, 100'000);
  ExpectRead(100'000, 100'000);
  const auto view = reader_->ViewSome(200'000, 1'000, {});
  reader_ = nullptr;
  ASSERT_TRUE(view.ok());
  EXPECT_TRUE(TextOf(view.value()) == Expected(200'000, view.value().size));
}

TEST_P(ReaderTest, DyingCancelsWhatIsUnderWay) {
  OpenNew(4 * kBlock);
  ExpectRead(0, 10, ReadKind::kAlone);
  store_->Hold("GetObject");
  WillNeed({{0, kBlock}, {2 * kBlock, 3 * kBlock}});
  EXPECT_EQ(store_->held(), 2u);
  EXPECT_GE(Reserved(), 2 * kBlock);
  reader_ = nullptr;
  EXPECT_EQ(store_->held(), 0u);
  store_->LetGo();
  ExpectMemoryReleased();
  for (int i = 0; i < 10; ++i) {  // requests that are really sent
    Reopen();
    WillNeed({{0, kBlock}, {2 * kBlock, 4 * kBlock}});
    reader_ = nullptr;
  }
}

TEST_P(ReaderTest, WaitsAreInterrupted) {
  OpenNew(4 * kBlock);
  ExpectRead(0, 10, ReadKind::kAlone);
  const CallOptions interrupted = {[] { return true; }};
  std::string text(kBlock, '?');
  const MutableBytes destination = {reinterpret_cast<std::byte*>(text.data()), text.size()};
  store_->Hold("GetObject");
  const auto read = reader_->ReadAt(10, destination, ReadKind::kNext, interrupted);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, ErrorCode::kCancelled);
  WillNeed({{2 * kBlock, 3 * kBlock}});
  const auto view = reader_->ViewAt(2 * kBlock, 100, interrupted);  // of what is under way
  ASSERT_FALSE(view.ok());
  EXPECT_EQ(view.error().code, ErrorCode::kCancelled);
  store_->LetGo();
  ExpectReadThrough(100'000);
}

// ---- failures ----

TEST_P(ReaderTest, AFailureAtAnyRequestIsToldOrMended) {
  const int most = on_server() ? 10 : 40;
  OpenNew(3 * kBlock);
  for (int failing = 1; failing <= most && !HasFatalFailure(); ++failing) {
    Reopen();
    const int before = static_cast<int>(store_->calls().size());
    store_->FailAt(before + failing, UnavailableError(),
                   failing % 2 == 0 ? FailingStore::When::kAfter : FailingStore::When::kBefore);
    int errors = 0;
    for (uint64_t at = 0; at < content_.size(); at += 150'000) {
      const auto text = Read(at, 150'000);
      if (text.ok()) {
        ASSERT_TRUE(text.value() == Expected(at, 150'000)) << failing;
        continue;
      }
      ++errors;
      EXPECT_EQ(text.error().code, ErrorCode::kUnavailable);
      ExpectRead(at, 150'000);  // again
    }
    EXPECT_LE(errors, 1);
    const bool ended = static_cast<int>(store_->calls().size()) < before + failing;
    store_->Heal();
    if (ended) break;
  }
}

TEST_P(ReaderTest, FailuresAheadAreAskedAgain) {
  OpenNew(4 * kBlock);
  ExpectRead(0, 10, ReadKind::kAlone);
  store_->FailIf([](const StoreCall&) { return true; }, UnavailableError(), 2);
  WillNeed({{0, kBlock}, {2 * kBlock, 3 * kBlock}});
  ExpectRead(0, kBlock);
  ExpectView(2 * kBlock, 1'000);
}

// ---- threads ----

TEST_P(ReaderTest, OtherThreadsMayReadBesideACursor) {
  OpenNew(Pattern().size());
  std::atomic<bool> over = false;
  std::atomic<int> wrong = 0;
  const auto read_alone = [&](unsigned seed) {
    std::mt19937 random(seed);
    std::string text(50'000, '?');
    const MutableBytes destination = {reinterpret_cast<std::byte*>(text.data()), text.size()};
    while (!over) {
      const uint64_t start = random() % content_.size();
      const auto got = reader_->ReadAt(start, destination, ReadKind::kAlone, {});
      if (!got.ok() || text.substr(0, got.value()) != Expected(start, text.size())) ++wrong;
    }
  };
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 3; ++seed) threads.emplace_back(read_alone, seed);
  ExpectReadThrough(100'003);
  over = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

INSTANTIATE_TEST_SUITE_P(All, ReaderTest, AllReaders(), NameOfReader);

}  // namespace
}  // namespace s3native
