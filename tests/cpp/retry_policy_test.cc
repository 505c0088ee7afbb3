#include "retry_policy.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace s3native
