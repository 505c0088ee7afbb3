#include "part_plan.h"

#include <algorithm>
#include <string>

namespace s3native {
namespace {

constexpr uint64_t kMiB = 1ull << 20;
constexpr uint64_t kLargestGrown = 1ull << 30;
constexpr int kPartsPerDoubling = 500;

uint64_t DivideUp(uint64_t size, uint64_t step) { return size / step + (size % step == 0 ? 0 : 1); }

uint64_t WithinLimits(uint64_t part_size) {
  return std::clamp(part_size, kMinPartSize, kMaxPartSize);
}

}  // namespace

Result<PartPlan> PlanParts(uint64_t object_size, uint64_t preferred_part_size) {
  if (object_size > kMaxObjectSize) {
    return InvalidArgument("an object of " + std::to_string(object_size) +
                           " bytes is too large; S3 takes at most 5 TiB (" +
                           std::to_string(kMaxObjectSize) + " bytes)");
  }
  uint64_t part_size = WithinLimits(preferred_part_size);
  if (DivideUp(object_size, part_size) > kMaxPartCount) {
    part_size = DivideUp(DivideUp(object_size, kMaxPartCount), kMiB) * kMiB;
  }
  return PartPlan{part_size, std::max<uint64_t>(1, DivideUp(object_size, part_size))};
}

uint64_t GrowingPartSize(int part_number, uint64_t preferred) {
  uint64_t part_size = WithinLimits(preferred);
  if (part_number <= kPartsBeforeGrowth || part_size >= kLargestGrown) return part_size;
  part_size = DivideUp(part_size, kMiB) * kMiB;
  const int doublings = 1 + (part_number - kPartsBeforeGrowth - 1) / kPartsPerDoubling;
  for (int i = 0; i < doublings && part_size < kLargestGrown; ++i) part_size *= 2;
  return std::min(part_size, kLargestGrown);
}

}  // namespace s3native
