#include "retry_policy.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace s3native {
namespace {

TEST(RetryDelay, DoublesUpToItsCap) {
  EXPECT_EQ(RetryDelayMs(1, 0.5), 50u);
  EXPECT_EQ(RetryDelayMs(2, 0.5), 100u);
  EXPECT_EQ(RetryDelayMs(3, 0.5), 200u);
  EXPECT_EQ(RetryDelayMs(9, 0.5), 10'000u);
  EXPECT_EQ(RetryDelayMs(1000, 0.5), 10'000u);
}

TEST(RetryDelay, TakesAnyShareOfTheWait) {
  EXPECT_EQ(RetryDelayMs(4, 0.0), 0u);
  EXPECT_EQ(RetryDelayMs(4, 0.25), 200u);
  EXPECT_LE(RetryDelayMs(4, 0.999), 800u);
}

TEST(ClockCorrection, IsForClocksThatDiffer) {
  EXPECT_EQ(ClockCorrection(1'000'000, 1'000'100, 0), std::nullopt);
  EXPECT_EQ(ClockCorrection(1'000'000, 1'000'300, 0), -300);
  EXPECT_EQ(ClockCorrection(1'086'400, 1'000'000, 0), 86'400);
}

TEST(ClockCorrection, KnowsWhatWasCorrectedBefore) {
  EXPECT_EQ(ClockCorrection(1'086'410, 1'000'000, 86'400), std::nullopt);
  EXPECT_EQ(ClockCorrection(1'000'000, 1'000'000, 86'400), 0);
}

constexpr int kRetries = RetryBudget::kCapacity / RetryBudget::kRetryCost;

TEST(RetryBudget, IsSpentByRetriesThatFail) {
  RetryBudget budget;
  for (int i = 0; i < kRetries; ++i) EXPECT_TRUE(budget.Take());
  EXPECT_FALSE(budget.Take());
}

TEST(RetryBudget, GetsTheCostOfARetryThatWorkedBack) {
  RetryBudget budget;
  for (int i = 0; i < 10 * kRetries; ++i) {
    EXPECT_TRUE(budget.Take());
    budget.Return(true);
  }
}

TEST(RetryBudget, EarnsARetryByFiveRequestsThatWork) {
  RetryBudget budget;
  while (budget.Take()) {
  }
  for (int i = 0; i < RetryBudget::kRetryCost; ++i) {
    EXPECT_FALSE(budget.Take());
    budget.Return(false);
  }
  EXPECT_TRUE(budget.Take());
  EXPECT_FALSE(budget.Take());
}

TEST(RetryBudget, IsNeverMoreThanItsCapacity) {
  RetryBudget budget;
  for (int i = 0; i < 100; ++i) budget.Return(true);
  int taken = 0;
  while (budget.Take()) ++taken;
  EXPECT_EQ(taken, kRetries);
}

TEST(RetryBudget, IsSharedByThreads) {
  RetryBudget budget;
  std::atomic<int> taken = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (budget.Take()) ++taken;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, kRetries);
}

}  // namespace
}  // namespace s3native
