// Joins ranges of one object into fewer reads, where a gap costs less than another request.
// Thread-safety: pure functions and plain values. Ownership: results by value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "s3native/error.h"
#include "s3native/object.h"

namespace s3native {

struct CoalesceOptions {
  uint64_t max_gap = 0;        // bytes between two ranges that may be read and thrown away
  uint64_t max_read_size = 0;  // joining stops here; a range that alone is larger stays one read
};

// Where an input range is found: `offset` bytes into the read of that index.
struct CoalescedSlice {
  static constexpr size_t kNoRead = static_cast<size_t>(-1);  // the range is empty

  size_t read = kNoRead;
  uint64_t offset = 0;
};

struct CoalescePlan {
  std::vector<ByteRange> reads;        // ordered by start, none empty
  std::vector<CoalescedSlice> slices;  // one for each input, in its order
};

// Ranges in any order, duplicates, overlaps and empty ones included. Each is served whole by one
// read. Bytes are read twice only where overlapping ranges would exceed the size limit together.
// kInvalidArgument: a range without end, or that ends before it starts.
Result<CoalescePlan> Coalesce(const std::vector<ByteRange>& ranges, const CoalesceOptions& options);

}  // namespace s3native
