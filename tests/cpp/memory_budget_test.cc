#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <thread>
#include <vector>

#include "s3native/memory.h"

namespace s3native {
namespace {

using Clock = std::chrono::steady_clock;

TEST(MemoryBudget, GrantsUpToItsLimit) {
  MemoryBudget budget(100);
  EXPECT_EQ(budget.limit(), 100u);
  EXPECT_TRUE(budget.TryReserve(60, Claim::kNeeded));
  EXPECT_TRUE(budget.TryReserve(40, Claim::kShare));
  EXPECT_FALSE(budget.TryReserve(1, Claim::kShare));
  EXPECT_EQ(budget.reserved(), 100u);
  budget.Release(40);
  EXPECT_TRUE(budget.TryReserve(40, Claim::kShare));
}

TEST(MemoryBudget, AlwaysGrantsAStreamThatHoldsNothing) {
  MemoryBudget budget(100);
  EXPECT_TRUE(budget.TryReserve(1000, Claim::kNeeded));
  EXPECT_TRUE(budget.TryReserve(1000, Claim::kNeeded));
  EXPECT_EQ(budget.reserved(), 2000u);
  EXPECT_FALSE(budget.TryReserve(0, Claim::kShare));
  budget.Release(1000);
  EXPECT_FALSE(budget.TryReserve(1, Claim::kShare));
  budget.Release(1000);
  EXPECT_TRUE(budget.TryReserve(100, Claim::kShare));
}

TEST(MemoryBudget, LeavesHalfFreeOfWhatCanBeDoneWithout) {
  MemoryBudget budget(100);
  EXPECT_TRUE(budget.TryReserve(100, Claim::kSpare));
  budget.Release(99);
  EXPECT_FALSE(budget.TryReserve(50, Claim::kSpare));
  EXPECT_TRUE(budget.TryReserve(49, Claim::kSpare));
  EXPECT_FALSE(budget.TryReserve(1, Claim::kSpare));
  EXPECT_TRUE(budget.TryReserve(50, Claim::kShare));
  EXPECT_FALSE(budget.TryReserve(1, Claim::kShare));
  EXPECT_FALSE(budget.TryReserve(0, Claim::kSpare));
}

TEST(MemoryBudget, DoesNotOverflow) {
  MemoryBudget budget(100);
  EXPECT_TRUE(budget.TryReserve(50, Claim::kNeeded));
  EXPECT_FALSE(budget.TryReserve(std::numeric_limits<uint64_t>::max(), Claim::kShare));
  EXPECT_EQ(budget.reserved(), 50u);
}

TEST(MemoryBudget, WithoutALimitGrantsOnlyFirstReservations) {
  MemoryBudget budget(0);
  EXPECT_TRUE(budget.TryReserve(10, Claim::kNeeded));
  EXPECT_FALSE(budget.TryReserve(1, Claim::kShare));
}

TEST(MemoryBudget, WaitEndsAtTheTimeout) {
  MemoryBudget budget(10);
  const auto start = Clock::now();
  budget.WaitForRelease(30);
  EXPECT_GE(Clock::now() - start, std::chrono::milliseconds(29));
  budget.WaitForRelease(0);
  budget.WaitForRelease(-5);
}

TEST(MemoryBudget, WaitEndsWithARelease) {
  MemoryBudget budget(10);
  ASSERT_TRUE(budget.TryReserve(10, Claim::kNeeded));
  const uint64_t seen = budget.release_count();
  std::thread releaser([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    budget.Release(10);
  });
  const auto start = Clock::now();
  budget.WaitForRelease(seen, 60'000);
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(30));
  EXPECT_EQ(budget.reserved(), 0u);
  releaser.join();
}

TEST(MemoryBudget, DoesNotMissAReleaseBeforeTheWait) {
  MemoryBudget budget(10);
  ASSERT_TRUE(budget.TryReserve(10, Claim::kNeeded));
  const uint64_t seen = budget.release_count();
  EXPECT_FALSE(budget.TryReserve(1, Claim::kShare));
  budget.Release(10);
  const auto start = Clock::now();
  budget.WaitForRelease(seen, 60'000);
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(30));
}

// Streams that hold up to three parts each: all finish, and what is held beyond the limit is never
// more than one part for each stream.
TEST(MemoryBudget, ContendingStreamsAllFinishWithinBounds) {
  constexpr uint64_t kPart = 10, kLimit = 55;
  constexpr int kStreams = 8, kParts = 300;
  MemoryBudget budget(kLimit);
  std::atomic<uint64_t> most{0};
  std::atomic<int> finished{0};
  const auto stream = [&] {
    uint64_t held = 0;
    for (int part = 0; part < kParts; ++part) {
      if (held == 3 * kPart) {
        budget.Release(kPart);
        held -= kPart;
      }
      for (;;) {
        const uint64_t seen = budget.release_count();
        if (budget.TryReserve(kPart, held == 0 ? Claim::kNeeded : Claim::kShare)) break;
        budget.Release(kPart);  // a transfer of this stream completes
        held -= kPart;
        budget.WaitForRelease(seen, 1000);
      }
      held += kPart;
      const uint64_t now = budget.reserved();
      for (uint64_t old = most; old < now && !most.compare_exchange_weak(old, now);) {
      }
    }
    budget.Release(held);
    ++finished;
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < kStreams; ++i) threads.emplace_back(stream);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(finished, kStreams);
  EXPECT_EQ(budget.reserved(), 0u);
  EXPECT_LE(most, kLimit + kStreams * kPart);
}

}  // namespace
}  // namespace s3native
