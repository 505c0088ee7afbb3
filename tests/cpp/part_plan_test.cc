#include "part_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace s3native {
namespace {

constexpr uint64_t kMiB = 1ull << 20;
constexpr uint64_t kGiB = 1ull << 30;

PartPlan Plan(uint64_t object_size, uint64_t preferred) {
  const Result<PartPlan> plan = PlanParts(object_size, preferred);
  EXPECT_TRUE(plan.ok());
  return plan.ok() ? plan.value() : PartPlan();
}

TEST(PlanParts, KeepsThePreferredSizeWhereItFits) {
  EXPECT_EQ(Plan(100 * kMiB, 8 * kMiB).part_size, 8 * kMiB);
  EXPECT_EQ(Plan(100 * kMiB, 8 * kMiB).part_count, 13u);
  EXPECT_EQ(Plan(80 * kMiB, 8 * kMiB).part_count, 10u);
  EXPECT_EQ(Plan(80 * kMiB + 1, 8 * kMiB).part_count, 11u);
  EXPECT_EQ(Plan(80'000 * kMiB, 8 * kMiB).part_size, 8 * kMiB);
  EXPECT_EQ(Plan(100 * kMiB, 8 * kMiB + 3).part_size, 8 * kMiB + 3);
}

TEST(PlanParts, EmptyAndTinyObjectsAreOnePart) {
  EXPECT_EQ(Plan(0, 8 * kMiB).part_count, 1u);
  EXPECT_EQ(Plan(1, 8 * kMiB).part_count, 1u);
}

TEST(PlanParts, BringsThePreferredSizeWithinTheLimits) {
  EXPECT_EQ(Plan(100 * kMiB, 0).part_size, 5 * kMiB);
  EXPECT_EQ(Plan(100 * kMiB, 1).part_size, 5 * kMiB);
  EXPECT_EQ(Plan(100 * kGiB, UINT64_MAX).part_size, 5 * kGiB);
  EXPECT_EQ(Plan(100 * kGiB, UINT64_MAX).part_count, 20u);
}

TEST(PlanParts, GrowsToWholeMiBWhenTenThousandPartsDoNotDo) {
  const PartPlan plan = Plan(80'000 * kMiB + 1, 8 * kMiB);
  EXPECT_EQ(plan.part_size, 9 * kMiB);
  EXPECT_LE(plan.part_count, kMaxPartCount);
}

TEST(PlanParts, HoldsEverySizeUpToTheLimit) {
  for (uint64_t size = 1; size <= kMaxObjectSize; size = size * 3 + 1) {
    const PartPlan plan = Plan(size, 8 * kMiB);
    EXPECT_LE(plan.part_count, kMaxPartCount) << size;
    EXPECT_GE(plan.part_size * plan.part_count, size) << size;
    EXPECT_LT(plan.part_size * (plan.part_count - 1), size) << size;
  }
  EXPECT_EQ(Plan(kMaxObjectSize, 8 * kMiB).part_size, 525 * kMiB);
  EXPECT_LE(Plan(kMaxObjectSize, 8 * kMiB).part_count, kMaxPartCount);
}

TEST(PlanParts, RefusesObjectsThatS3DoesNotTake) {
  for (uint64_t size : {kMaxObjectSize + 1, UINT64_MAX}) {
    const Result<PartPlan> plan = PlanParts(size, 8 * kMiB);
    ASSERT_FALSE(plan.ok());
    EXPECT_EQ(plan.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(plan.error().message, testing::HasSubstr("at most 5 TiB"));
  }
}

TEST(GrowingPartSize, StartsAsPreferred) {
  EXPECT_EQ(GrowingPartSize(1, 8 * kMiB), 8 * kMiB);
  EXPECT_EQ(GrowingPartSize(1000, 8 * kMiB), 8 * kMiB);
  EXPECT_EQ(GrowingPartSize(1, 1), 5 * kMiB);
  EXPECT_EQ(GrowingPartSize(1, UINT64_MAX), 5 * kGiB);
}

TEST(GrowingPartSize, DoublesAndStopsAtOneGiB) {
  EXPECT_EQ(GrowingPartSize(1001, 8 * kMiB), 16 * kMiB);
  EXPECT_EQ(GrowingPartSize(1500, 8 * kMiB), 16 * kMiB);
  EXPECT_EQ(GrowingPartSize(1501, 8 * kMiB), 32 * kMiB);
  EXPECT_EQ(GrowingPartSize(10'000, 8 * kMiB), kGiB);
  EXPECT_EQ(GrowingPartSize(1001, 8 * kMiB + 1), 18 * kMiB);
  EXPECT_EQ(GrowingPartSize(10'000, 2 * kGiB), 2 * kGiB);
}

TEST(GrowingPartSize, HoldsTheLargestObjectAndNeverShrinks) {
  for (uint64_t preferred : {uint64_t{1}, 5 * kMiB, 8 * kMiB, 8 * kMiB + 1, 64 * kMiB, 600 * kMiB,
                             kGiB - 1, kGiB, 5 * kGiB}) {
    uint64_t total = 0, previous = 0;
    for (int part = 1; part <= 10'000; ++part) {
      const uint64_t size = GrowingPartSize(part, preferred);
      ASSERT_GE(size, previous);
      ASSERT_TRUE(size <= GrowingPartSize(1, preferred) || size * 1000 <= total * 3) << part;
      previous = size;
      total += size;
    }
    EXPECT_GE(total, kMaxObjectSize) << preferred;
  }
}

}  // namespace
}  // namespace s3native
