// What readers ask for ahead, where threads, hints, failures and little memory meet.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "support/reader_fixture.h"

namespace s3native {
namespace {

class ReaderAheadTest : public ReaderTest {};

TEST_P(ReaderAheadTest, HintsReadAsViewsAreGivenUp) {
  ReaderOptions options;
  options.readahead = 0;
  OpenNew(4 * kBlock, options);
  WillNeed({{kBlock, 2 * kBlock}, {3 * kBlock, 3 * kBlock + 1'000}});
  ExpectView(kBlock, kBlock);
  ExpectSome(3 * kBlock, 1'000);
  ExpectRead(0, 10, ReadKind::kAlone);
  ExpectMemoryReleased();
}

TEST_P(ReaderAheadTest, HintsNearEachOtherAreKeptUntilAllAreRead) {
  OpenNew(4 * kBlock);
  WillNeed({{0, 1'000}, {10'000, 11'000}});
  ExpectRead(10'000, 1'000, ReadKind::kAlone);
  ExpectRead(0, 1'000, ReadKind::kAlone);
  EXPECT_EQ(Gets(), 1);
  ExpectMemoryReleased();
}

TEST_P(ReaderAheadTest, HintsThatHaveBeenReadAreNotAskedForLater) {
  SetLimit(kBlock + 4096);
  OpenNew(4 * kBlock);
  WillNeed({{0, kBlock}, {kBlock, 2 * kBlock}, {2 * kBlock, 3 * kBlock}});
  ExpectRead(2 * kBlock, kBlock, ReadKind::kAlone);
  ExpectRead(kBlock, kBlock, ReadKind::kAlone);
  ExpectRead(0, kBlock, ReadKind::kAlone);
  const int before = Gets();
  ExpectRead(3 * kBlock, 10, ReadKind::kAlone);
  EXPECT_EQ(Gets(), before + 1);
  ExpectMemoryReleased();
}

TEST_P(ReaderAheadTest, AHintLargerThanAllMemoryIsTakenInPieces) {
  SetLimit(kBlock / 2);
  OpenNew(4 * kBlock);
  WillNeed({{0, 2 * kBlock}, {3 * kBlock, 3 * kBlock + 1'000}});
  EXPECT_EQ(Gets(), 1);
  ExpectRead(0, 2 * kBlock, ReadKind::kAlone);
  ExpectRead(3 * kBlock, 1'000, ReadKind::kAlone);
  ExpectRead(0, 10, ReadKind::kAlone);
  ExpectMemoryReleased();
}

TEST_P(ReaderAheadTest, AFailureAheadOfViewsCostsItsRequestOnly) {
  if (access() == Access::kRandom) GTEST_SKIP() << "nothing is asked for ahead";
  int gets[2];
  for (const bool fails : {false, true}) {
    OpenNew(6 * kBlock);
    const int before = Gets();
    for (uint64_t at = 0; at < 6 * kBlock; at += 256 << 10) {
      if (fails && at == 3 * kBlock / 2)
        store_->FailIf([](const StoreCall&) { return true; }, UnavailableError(), 1);
      ExpectView(at, 256 << 10);
    }
    gets[fails] = Gets() - before;
    store_->Heal();
  }
  EXPECT_LE(gets[1], gets[0] + 3);
}

TEST_P(ReaderAheadTest, SmallReadsFromTheStartShareRequests) {
  OpenNew(4 * kBlock);
  ExpectReadThrough(1024);
  if (access() != Access::kRandom) {
    EXPECT_LE(Gets(), 16);
  }
}

// As many cursors as threads: nobody reads sequentially, and blocks come and go.
TEST_P(ReaderAheadTest, ManyThreadsAtOneCursor) {
  OpenNew(Pattern().size());
  ExpectRead(0, 10, ReadKind::kAlone);
  std::atomic<int> wrong = 0;
  const auto work = [&](unsigned seed) {
    std::mt19937 random(seed);
    std::string text(300'000, '?');
    uint64_t at = seed * 1'000;
    for (int i = 0; i < 12; ++i) {
      const uint64_t size = 1 + random() % text.size();
      if (random() % 10 == 0) at = random() % content_.size();
      if (random() % 7 == 0)
        (void)reader_->WillNeed({{at + 5, at + 50'000}, {at + 200'000, at + 400'000}}, {});
      const MutableBytes destination = {reinterpret_cast<std::byte*>(text.data()), size};
      const auto got = reader_->ReadAt(at, destination, ReadKind::kNext, {});
      if (!got.ok() || text.substr(0, got.value()) != Expected(at, size)) ++wrong;
      at = at + size < content_.size() ? at + size : 0;
    }
  };
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 4; ++seed) threads.emplace_back(work, seed);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

INSTANTIATE_TEST_SUITE_P(All, ReaderAheadTest, AllReaders(), NameOfReader);

}  // namespace
}  // namespace s3native
