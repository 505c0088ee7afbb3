#include "coalesce.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace s3native {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint64_t kUnlimited = UINT64_MAX;

CoalescePlan Plan(const std::vector<ByteRange>& ranges, uint64_t max_gap, uint64_t max_read_size) {
  Result<CoalescePlan> plan = Coalesce(ranges, {max_gap, max_read_size});
  EXPECT_TRUE(plan.ok());
  return plan.ok() ? std::move(plan).value() : CoalescePlan();
}

// Every range lies whole inside its read, and reads are ordered.
void ExpectServed(const std::vector<ByteRange>& ranges, const CoalescePlan& plan) {
  ASSERT_EQ(plan.slices.size(), ranges.size());
  for (size_t i = 0; i < ranges.size(); ++i) {
    const CoalescedSlice& slice = plan.slices[i];
    if (ranges[i].start == *ranges[i].end) {
      EXPECT_EQ(slice.read, CoalescedSlice::kNoRead);
      continue;
    }
    ASSERT_LT(slice.read, plan.reads.size());
    const ByteRange& read = plan.reads[slice.read];
    EXPECT_EQ(read.start + slice.offset, ranges[i].start);
    EXPECT_LE(*ranges[i].end, *read.end);
  }
  for (size_t i = 1; i < plan.reads.size(); ++i)
    EXPECT_LT(plan.reads[i - 1].start, plan.reads[i].start);
}

TEST(Coalesce, NothingAndEmptyRangesNeedNoRead) {
  EXPECT_TRUE(Plan({}, 10, kUnlimited).reads.empty());
  const CoalescePlan plan = Plan({{5, 5}, {0, 0}}, 10, kUnlimited);
  EXPECT_TRUE(plan.reads.empty());
  EXPECT_EQ(plan.slices[0].read, CoalescedSlice::kNoRead);
  EXPECT_EQ(plan.slices[1].read, CoalescedSlice::kNoRead);
}

TEST(Coalesce, JoinsAcrossGapsUpToTheLimit) {
  EXPECT_THAT(Plan({{0, 10}, {14, 20}}, 4, kUnlimited).reads, ElementsAre(ByteRange{0, 20}));
  EXPECT_THAT(Plan({{0, 10}, {15, 20}}, 4, kUnlimited).reads,
              ElementsAre(ByteRange{0, 10}, ByteRange{15, 20}));
  EXPECT_THAT(Plan({{0, 10}, {10, 20}}, 0, kUnlimited).reads, ElementsAre(ByteRange{0, 20}));
  EXPECT_THAT(Plan({{0, 10}, {11, 20}}, 0, kUnlimited).reads,
              ElementsAre(ByteRange{0, 10}, ByteRange{11, 20}));
}

TEST(Coalesce, TakesAnyOrder) {
  const std::vector<ByteRange> ranges = {{30, 40}, {0, 10}, {12, 20}};
  const CoalescePlan plan = Plan(ranges, 2, kUnlimited);
  EXPECT_THAT(plan.reads, ElementsAre(ByteRange{0, 20}, ByteRange{30, 40}));
  EXPECT_EQ(plan.slices[0].read, 1u);
  EXPECT_EQ(plan.slices[1].read, 0u);
  EXPECT_EQ(plan.slices[2].read, 0u);
  EXPECT_EQ(plan.slices[2].offset, 12u);
}

TEST(Coalesce, TakesDuplicatesOverlapsAndNesting) {
  const std::vector<ByteRange> ranges = {{0, 10}, {0, 10}, {5, 15}, {6, 7}, {0, 3}, {9, 9}};
  const CoalescePlan plan = Plan(ranges, 0, kUnlimited);
  EXPECT_THAT(plan.reads, ElementsAre(ByteRange{0, 15}));
  ExpectServed(ranges, plan);
}

TEST(Coalesce, StopsAtTheReadSize) {
  EXPECT_THAT(Plan({{0, 10}, {10, 20}, {20, 30}}, 0, 20).reads,
              ElementsAre(ByteRange{0, 20}, ByteRange{20, 30}));
  EXPECT_THAT(Plan({{0, 10}, {12, 21}}, 5, 20).reads,
              ElementsAre(ByteRange{0, 10}, ByteRange{12, 21}));
}

TEST(Coalesce, KeepsALargeRangeWholeAndServesWhatLiesInside) {
  const std::vector<ByteRange> ranges = {{0, 100}, {50, 60}, {90, 110}};
  const CoalescePlan plan = Plan(ranges, 0, 20);
  EXPECT_THAT(plan.reads, ElementsAre(ByteRange{0, 100}, ByteRange{90, 110}));
  ExpectServed(ranges, plan);
}

TEST(Coalesce, ReadsTwiceWhereOverlapsExceedTheReadSize) {
  const std::vector<ByteRange> ranges = {{0, 15}, {10, 25}};
  EXPECT_THAT(Plan(ranges, 0, 20).reads, ElementsAre(ByteRange{0, 15}, ByteRange{10, 25}));
}

TEST(Coalesce, DoesNotOverflow) {
  const std::vector<ByteRange> ranges = {{0, 1}, {UINT64_MAX - 1, UINT64_MAX}};
  EXPECT_EQ(Plan(ranges, UINT64_MAX, UINT64_MAX).reads.size(), 1u);
  EXPECT_EQ(Plan(ranges, 10, UINT64_MAX).reads.size(), 2u);
}

TEST(Coalesce, RefusesRangesWithoutOrBeforeTheirEnd) {
  const auto open = Coalesce({{0, 1}, {5, std::nullopt}}, {});
  ASSERT_FALSE(open.ok());
  EXPECT_EQ(open.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(open.error().message, "range 1 [5, ) has no end");
  const auto inverted = Coalesce({{5, 4}}, {});
  ASSERT_FALSE(inverted.ok());
  EXPECT_THAT(inverted.error().message, HasSubstr("range 0 [5, 4) ends before it starts"));
}

TEST(Coalesce, ServesRandomRangesWithinItsLimits) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::vector<ByteRange> ranges(random() % 40);
    uint64_t largest = 0;
    for (ByteRange& range : ranges) {
      range.start = random() % 500;
      range.end = range.start + random() % 40;
      largest = std::max(largest, *range.end - range.start);
    }
    const uint64_t gap = random() % 20, limit = random() % 100;
    const CoalescePlan plan = Plan(ranges, gap, limit);
    ExpectServed(ranges, plan);
    for (const ByteRange& read : plan.reads)
      EXPECT_LE(*read.end - read.start, std::max(limit, largest));
    EXPECT_LE(plan.reads.size(), ranges.size());
  }
}

}  // namespace
}  // namespace s3native
