#include "coalesce.h"

#include <algorithm>
#include <string>
#include <utility>

namespace s3native {
namespace {

Status Check(const std::vector<ByteRange>& ranges) {
  for (size_t i = 0; i < ranges.size(); ++i) {
    if (ranges[i].end && *ranges[i].end >= ranges[i].start) continue;
    return InvalidArgument("range " + std::to_string(i) + " " + ranges[i].ToString() +
                           (ranges[i].end ? " ends before it starts" : " has no end"));
  }
  return Ok();
}

// Indices of the ranges that are not empty, by start; of equal starts the longest first, so the
// others lie inside.
std::vector<size_t> Order(const std::vector<ByteRange>& ranges) {
  std::vector<size_t> order;
  order.reserve(ranges.size());
  for (size_t i = 0; i < ranges.size(); ++i) {
    if (*ranges[i].end > ranges[i].start) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    if (ranges[a].start != ranges[b].start) return ranges[a].start < ranges[b].start;
    return *ranges[a].end > *ranges[b].end;
  });
  return order;
}

// `range` starts at or after `read`.
bool Joins(const ByteRange& read, const ByteRange& range, const CoalesceOptions& options) {
  if (*range.end <= *read.end) return true;
  if (range.start > *read.end && range.start - *read.end > options.max_gap) return false;
  return *range.end - read.start <= options.max_read_size;
}

}  // namespace

Result<CoalescePlan> Coalesce(const std::vector<ByteRange>& ranges,
                              const CoalesceOptions& options) {
  if (Status status = Check(ranges); !status.ok()) return std::move(status).error();
  CoalescePlan plan;
  plan.slices.resize(ranges.size());
  for (size_t i : Order(ranges)) {
    const ByteRange& range = ranges[i];
    if (plan.reads.empty() || !Joins(plan.reads.back(), range, options)) {
      plan.reads.push_back(range);
    }
    ByteRange& read = plan.reads.back();
    read.end = std::max(*read.end, *range.end);
    plan.slices[i] = {plan.reads.size() - 1, range.start - read.start};
  }
  return plan;
}

}  // namespace s3native
