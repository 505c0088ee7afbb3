#include "size_predictor.h"

#include <algorithm>
#include <functional>

namespace s3native {
namespace {

constexpr uint64_t kFirstGuess = 1ull << 20;
constexpr uint64_t kSmallestGuess = 4096;

}  // namespace

SizePredictor::SizePredictor(uint64_t bound)
    : bound_(std::max(bound, kSmallestGuess)), prediction_(std::min(kFirstGuess, bound_)) {}

void SizePredictor::Observe(uint64_t size) {
  std::lock_guard lock(mutex_);
  recent_[next_] = std::min(size, bound_);
  next_ = (next_ + 1) % kWindow;
  count_ = std::min(count_ + 1, kWindow);
  prediction_.store(Guess(), std::memory_order_relaxed);
}

uint64_t SizePredictor::Guess() const {
  std::array<uint64_t, kOutliers + 1> largest = {};
  std::partial_sort_copy(recent_.begin(), recent_.begin() + static_cast<std::ptrdiff_t>(count_),
                         largest.begin(), largest.end(), std::greater<>());
  // Outliers are told from the rest only by a full window; a few sizes are all believed.
  const bool believe_all = count_ < kWindow || largest[0] <= 2 * largest[kOutliers];
  const uint64_t covered = believe_all ? largest[0] : largest[kOutliers];
  return std::clamp(covered + covered / 8, kSmallestGuess, bound_);
}

}  // namespace s3native
