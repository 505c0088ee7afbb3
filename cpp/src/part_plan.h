// How large the parts of a multipart upload must be, within S3's limits.
// Thread-safety: pure functions. Ownership: results by value.
#pragma once

#include <cstdint>

#include "s3native/error.h"

namespace s3native {

inline constexpr uint64_t kMinPartSize = 5ull << 20;  // of all parts but the last
inline constexpr uint64_t kMaxPartSize = 5ull << 30;
inline constexpr uint64_t kMaxPartCount = 10'000;
inline constexpr uint64_t kMaxObjectSize = 5ull << 40;
inline constexpr int kPartsBeforeGrowth = 1'000;  // of an upload whose length is not known

struct PartPlan {
  uint64_t part_size = 0;   // of all parts but the last, bytes
  uint64_t part_count = 0;  // at least 1: an empty object is one empty part
};

// `preferred_part_size` brought within the limits, and grown to a multiple of 1 MiB where 10 000
// such parts would not hold the object. kInvalidArgument: the object is larger than S3 takes.
Result<PartPlan> PlanParts(uint64_t object_size, uint64_t preferred_part_size);

// The size of part `part_number` (from 1) of an upload whose length is not known: `preferred`
// (brought within the limits) for 1 000 parts, then twice as much every 500 parts up to 1 GiB, so
// that 10 000 parts hold the largest object while a part stays below 0.3 % of what has been sent,
// or at the preferred size.
uint64_t GrowingPartSize(int part_number, uint64_t preferred);

}  // namespace s3native
