#include "size_predictor.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace s3native {
namespace {

constexpr uint64_t kKiB = 1ull << 10;
constexpr uint64_t kMiB = 1ull << 20;

TEST(SizePredictor, StartsAtOneMiBWithinItsBound) {
  EXPECT_EQ(SizePredictor(8 * kMiB).Predict(), kMiB);
  EXPECT_EQ(SizePredictor(256 * kKiB).Predict(), 256 * kKiB);
  EXPECT_EQ(SizePredictor(0).Predict(), 4 * kKiB);
}

TEST(SizePredictor, CoversWhatItSawAndALittleMore) {
  SizePredictor predictor(8 * kMiB);
  predictor.Observe(100 * kKiB);
  EXPECT_GE(predictor.Predict(), 100 * kKiB);
  EXPECT_LE(predictor.Predict(), 125 * kKiB);
  predictor.Observe(300 * kKiB);
  EXPECT_GE(predictor.Predict(), 300 * kKiB);
}

TEST(SizePredictor, StaysWithinItsBounds) {
  SizePredictor predictor(8 * kMiB);
  predictor.Observe(UINT64_MAX);
  EXPECT_EQ(predictor.Predict(), 8 * kMiB);
  SizePredictor tiny(8 * kMiB);
  tiny.Observe(0);
  EXPECT_EQ(tiny.Predict(), 4 * kKiB);
}

TEST(SizePredictor, ForgetsOldSizes) {
  SizePredictor predictor(8 * kMiB);
  for (int i = 0; i < 64; ++i) predictor.Observe(4 * kMiB);
  for (int i = 0; i < 64; ++i) predictor.Observe(10 * kKiB);
  EXPECT_LE(predictor.Predict(), 12 * kKiB);
}

TEST(SizePredictor, IsNotInflatedByTwoOutliers) {
  SizePredictor predictor(8 * kMiB);
  for (int i = 0; i < 62; ++i) predictor.Observe(100 * kKiB);
  predictor.Observe(8 * kMiB);
  predictor.Observe(8 * kMiB);
  EXPECT_LE(predictor.Predict(), 125 * kKiB);
  EXPECT_GE(predictor.Predict(), 100 * kKiB);
}

TEST(SizePredictor, CoversTheLargestWhenItIsNear) {
  SizePredictor predictor(8 * kMiB);
  for (int i = 0; i < 63; ++i) predictor.Observe(100 * kKiB);
  predictor.Observe(190 * kKiB);
  EXPECT_GE(predictor.Predict(), 190 * kKiB);
}

// Sizes like those of photographs: most guesses suffice, and they are not more than about twice
// what the larger ones need.
TEST(SizePredictor, CoversNearlyAllOfAVariedWorkload) {
  SizePredictor predictor(8 * kMiB);
  uint64_t random = 12345;
  int covered = 0, rounds = 0;
  for (int i = 0; i < 5000; ++i) {
    random = random * 6364136223846793005ull + 1442695040888963407ull;
    const uint64_t size = 40 * kKiB + (random >> 33) % (160 * kKiB);
    if (i >= 64) {
      ++rounds;
      covered += predictor.Predict() >= size ? 1 : 0;
      EXPECT_LE(predictor.Predict(), 2 * 200 * kKiB);
    }
    predictor.Observe(size);
  }
  EXPECT_GE(covered, rounds * 97 / 100);
}

TEST(SizePredictor, TakesObservationsFromManyThreads) {
  SizePredictor predictor(8 * kMiB);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&predictor] {
      for (int i = 0; i < 1000; ++i) {
        predictor.Observe(100 * kKiB);
        EXPECT_GE(predictor.Predict(), 100 * kKiB);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(predictor.Predict(), 125 * kKiB);
}

}  // namespace
}  // namespace s3native
