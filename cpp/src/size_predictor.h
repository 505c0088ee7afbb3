// Guesses how large a slab the GET of an object of unknown size needs, from the sizes seen lately.
//
// Rule: of the last 64 sizes the two largest are outliers. When they are within twice the third
// largest, the guess covers them too; else it covers the third largest and the outliers need a
// second request. One eighth is added for the next one to be a little larger. The guess stays
// between 4 KiB and the bound, and is 1 MiB before anything is known. Thread-safety: all methods,
// any thread; Predict is one atomic load. Ownership: nothing to free.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace s3native {

class SizePredictor {
 public:
  // `bound`: the largest useful guess, the part size.
  explicit SizePredictor(uint64_t bound);

  uint64_t Predict() const { return prediction_.load(std::memory_order_relaxed); }
  // Reports the size of an object once it is known.
  void Observe(uint64_t size);

 private:
  static constexpr size_t kWindow = 64;
  static constexpr size_t kOutliers = 2;

  uint64_t Guess() const;

  const uint64_t bound_;
  std::atomic<uint64_t> prediction_;
  std::mutex mutex_;
  std::array<uint64_t, kWindow> recent_ = {};
  size_t count_ = 0;  // how many of recent_ are filled
  size_t next_ = 0;   // the one to overwrite
};

}  // namespace s3native
