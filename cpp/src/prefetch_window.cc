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
// A read that waits so long finds nothing at hand. Epochs begin and end with one: else what was
// buffered before would count as fast.
constexpr uint64_t kDrainedUs = 20;
constexpr double kWorthwhile = 1.1;
constexpr double kBetter = 1.03;
// Epochs that must agree.
constexpr int kVotes = 2;
// Less per connection is not worth splitting a read for, where answers take their time.
constexpr uint64_t kMinRequest = 1ull << 20;
// Servers that answer so soon do not mind more requests. nginx on the same machine takes 0.3 ms for
// the first of eight, MinIO 1.5 ms: by requests of 512 KiB instead of 1 MiB, reads of 8 MiB are
// faster by 45 % from the one, slower by 28 % from the other.
constexpr double kSoonUs = 800;
constexpr double kIdleShare = 0.3;
// Of one read in the averages.
constexpr double kWeight = 0.25;

}  // namespace

PrefetchWindow::PrefetchWindow(const PrefetchOptions& options)
    : options_(options),
      window_(options.max_window < kFirstAhead ? 0 : std::min(kFirstWindow, options.max_window)),
      rest_us_(options.rest_us),
      spread_(options.connections),
      late_us_(2 * kSoonUs) {}

uint64_t PrefetchWindow::OnRead(uint64_t start, uint64_t size, bool buffered) {
  const bool jumps = !buffered && !Continues(start);
  const bool first = jumps || run_ == 0;  // nobody knows yet what comes behind it
  run_ = jumps ? size : run_ + size;
  next_ = start + size;
  if (jumps) epoch_ = {};
  const bool filling = FillsConnections(size);
  if (filling && idle_share_ >= kIdleShare && size > window_) {
    // With less, each read would wait for its own first byte all the same.
    window_ = std::min(size, options_.max_window);
    old_bytes_ = window_;
  }
  const uint64_t wanted = filling && idle_share_ < kIdleShare ? 0 : window_;
  switch (options_.access) {
    case Access::kRandom:
      ahead_ = 0;
      break;
    case Access::kSequential:
      ahead_ = wanted;
      break;
    case Access::kAuto:
      ahead_ = first ? 0 : std::min(wanted, std::max(run_, kFirstAhead));
      break;
  }
  return ahead_;
}

// Whether a read leaves next to no connection to others.
bool PrefetchWindow::FillsConnections(uint64_t size) const {
  return 4 * size >= 3 * options_.connections * kMinBlock;
}

void PrefetchWindow::OnSplit(uint64_t before_us, uint64_t late_us, uint64_t elapsed_us) {
  late_us_ += kWeight * (static_cast<double>(late_us) - late_us_);
  const auto idle_us = static_cast<double>(before_us + late_us);
  const auto all_us = static_cast<double>(std::max<uint64_t>(before_us + elapsed_us, 1));
  idle_share_ += kWeight * (idle_us / all_us - idle_share_);
}

uint64_t PrefetchWindow::RequestSizeFor(uint64_t size) const {
  const uint64_t most = options_.max_block;
  if (late_us_ < kSoonUs) return std::min(kMinBlock, most);
  return std::min(std::max(kMinRequest, size / options_.connections), most);
}

void PrefetchWindow::OnServed(uint64_t size, uint64_t waited_us, uint64_t now_us) {
  if (ahead_ < window_) {  // the run is too young to tell
    epoch_ = {};
    return;
  }
  const bool drained = waited_us >= kDrainedUs;
  if (old_bytes_ > 0 || epoch_.started_us == 0) {
    old_bytes_ -= std::min(old_bytes_, size);
    epoch_ = {.started_us = drained ? now_us : 0};
    return;
  }
  epoch_.bytes += size;
  epoch_.waited_us += waited_us;
  const uint64_t elapsed_us = now_us - epoch_.started_us;
  if (epoch_.bytes < window_ || elapsed_us < kMinEpochUs || !drained) return;
  Judge(now_us);
  epoch_ = {.started_us = now_us};
}

void PrefetchWindow::Judge(uint64_t now_us) {
  const uint64_t elapsed_us = now_us - epoch_.started_us;
  const bool waits = 8 * epoch_.waited_us >= elapsed_us;
  if (!waits || now_us < rests_until_us_) return;
  const double rate = static_cast<double>(epoch_.bytes) / static_cast<double>(elapsed_us);
  Votes& votes = rate >= kWorthwhile * best_rate_ ? good_ : vain_;
  ++votes.epochs;
  votes.rates += rate;
  if (votes.epochs < kVotes) return;
  const double mean_rate = votes.rates / kVotes;
  const bool good = &votes == &good_;
  good_ = vain_ = {};
  if (good) return Grow(mean_rate);
  if (spread_before_ == 0) {
    good_window_ = mean_rate >= kBetter * best_rate_ ? window_ : window_before_;
    if (TryLargerBlocks()) return;
  }
  Settle(now_us);
}

void PrefetchWindow::Grow(double rate) {
  spread_before_ = 0;
  best_rate_ = rate;
  window_before_ = window_;
  window_ = std::min(2 * window_, options_.max_window);
  old_bytes_ = window_;
}

// False: there are none, or the last doubling has tried them.
bool PrefetchWindow::TryLargerBlocks() {
  const uint64_t block = BlockSizeOf(window_);
  const bool were_tried = block > BlockSizeOf(window_before_);
  if (were_tried || block >= options_.max_block || window_ > options_.max_window / 2) return false;
  spread_before_ = spread_;
  spread_ = std::max<uint64_t>(1, window_ / block);
  window_before_ = window_;
  window_ *= 2;
  old_bytes_ = window_;
  return true;
}

void PrefetchWindow::Settle(uint64_t now_us) {
  window_ = good_window_;
  if (spread_before_ != 0) spread_ = spread_before_;
  spread_before_ = 0;
  best_rate_ = 0;
  rests_until_us_ = now_us + rest_us_;
  rest_us_ *= 2;
}

uint64_t PrefetchWindow::BlockSizeOf(uint64_t ahead) const {
  const uint64_t least = std::min({kMinBlock, options_.max_block, std::max<uint64_t>(ahead, 1)});
  return std::clamp(ahead / spread_, least, options_.max_block);
}

}  // namespace s3native
