#include "prefetch_window.h"

#include <algorithm>

namespace s3native {
namespace {

constexpr uint64_t kFirstWindow = 1ull << 20;
// Less is not worth a request.
constexpr uint64_t kFirstAhead = 128ull << 10;
constexpr uint64_t kMinBlock = 512ull << 10;
// Shorter epochs measure the machine's other work.
constexpr uint64_t kMinEpochUs = 10'000;
constexpr double kWorthwhile = 1.1;
constexpr int kMaxVainEpochs = 2;
// One on its way while the other is read.
constexpr uint64_t kMinSpread = 2;

}  // namespace

PrefetchWindow::PrefetchWindow(const PrefetchOptions& options)
    : options_(options),
      window_(options.max_window < kFirstAhead ? 0 : std::min(kFirstWindow, options.max_window)),
      spread_(options.connections) {}

uint64_t PrefetchWindow::OnRead(uint64_t start, uint64_t size, bool buffered) {
  const bool jumps = !buffered && !Continues(start);
  const bool first = jumps || run_ == 0;  // nobody knows yet what comes behind it
  run_ = jumps ? size : run_ + size;
  next_ = start + size;
  if (jumps) epoch_ = {};
  switch (options_.access) {
    case Access::kRandom:
      ahead_ = 0;
      break;
    case Access::kSequential:
      ahead_ = window_;
      break;
    case Access::kAuto:
      ahead_ = first ? 0 : std::min(window_, std::max(run_, kFirstAhead));
      break;
  }
  return ahead_;
}

void PrefetchWindow::OnServed(uint64_t size, uint64_t waited_us, uint64_t now_us) {
  if (ahead_ < window_) {  // the run is too young to tell
    epoch_ = {};
    return;
  }
  if (old_bytes_ > 0 || epoch_.started_us == 0) {
    old_bytes_ -= std::min(old_bytes_, size);
    epoch_ = {.started_us = now_us};
    return;
  }
  epoch_.bytes += size;
  epoch_.waited_us += waited_us;
  const uint64_t elapsed_us = now_us - epoch_.started_us;
  if (epoch_.bytes < window_ || elapsed_us < kMinEpochUs) return;
  Judge(elapsed_us);
  epoch_ = {.started_us = now_us};
}

void PrefetchWindow::Judge(uint64_t elapsed_us) {
  const bool waits = 8 * epoch_.waited_us >= elapsed_us;
  if (!waits || settled_) return;
  const double rate = static_cast<double>(epoch_.bytes) / static_cast<double>(elapsed_us);
  if (rate >= kWorthwhile * best_rate_) {
    vain_epochs_ = 0;
    spread_before_ = 0;
    best_rate_ = rate;
    window_ = std::min(2 * window_, options_.max_window);
    old_bytes_ = window_;
    return;
  }
  if (++vain_epochs_ < kMaxVainEpochs) return;
  vain_epochs_ = 0;
  if (spread_before_ != 0) {
    spread_ = spread_before_;
    settled_ = true;
  } else {
    best_rate_ = rate;  // a better one may have been luck
    TryLargerBlocks();
  }
}

void PrefetchWindow::TryLargerBlocks() {
  const uint64_t block = BlockSizeOf(window_);
  const uint64_t fewer = window_ / (2 * block);
  settled_ = block >= options_.max_block || fewer < kMinSpread;
  if (settled_) return;
  spread_before_ = spread_;
  spread_ = fewer;
  old_bytes_ = window_;
}

uint64_t PrefetchWindow::BlockSizeOf(uint64_t ahead) const {
  const uint64_t least = std::min({kMinBlock, options_.max_block, std::max<uint64_t>(ahead, 1)});
  return std::clamp(ahead / spread_, least, options_.max_block);
}

}  // namespace s3native
