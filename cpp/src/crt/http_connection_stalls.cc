// Ends connections on which nothing moves any more.
#include <aws/http/http.h>

#include <algorithm>
#include <utility>

#include "crt/http_connection.h"
#include "crt/loop_task.h"
#include "steady_clock.h"

namespace s3native::crt {
namespace {

// Checks for a stall in a stall timeout.
constexpr uint64_t kStallChecks = 4;
// How much longer a server may take to begin its answer when it has to work for it: S3 copies 5 GiB
// in a minute or two.
constexpr uint64_t kLaborFactor = 10;
// A body that moves more slowly than this, through a whole stall timeout, is as good as stalled: 8
// MiB would take two hours.
constexpr uint64_t kTrickleBytesPerSecond = 1024;

}  // namespace

// 0: never.
uint64_t HttpConnection::StallIntervalMs() const {
  const Config& config = settings_->config();
  const auto [shorter_s, longer_s] =
      std::minmax(config.stall_timeout_s, config.first_byte_timeout_s);
  return uint64_t{shorter_s != 0 ? shorter_s : longer_s} * 1000 / kStallChecks;
}

void HttpConnection::WatchForStalls() {
  const uint64_t interval_ms = StallIntervalMs();
  if (interval_ms == 0) return;
  quiet_ms_ = 0;
  if (!socket_->watched()) {
    next_check_us_ = NowMicroseconds() + interval_ms * 1000;
  } else if (!std::exchange(timed_, true)) {
    checked_progress_ = progress_;
    CheckLater();
  }
}

// How long nothing may happen; 0: for ever.
uint64_t HttpConnection::QuietLimitMs() const {
  const Config& config = settings_->config();
  if (!AwaitsHead()) return uint64_t{config.stall_timeout_s} * 1000;
  const uint64_t factor = exchange_->IsLaborious() ? kLaborFactor : 1;
  return uint64_t{config.first_byte_timeout_s} * 1000 * factor;
}

void HttpConnection::CheckLater() {
  PostAfter(loop_, StallIntervalMs(), [weak = weak_from_this()] {
    const HttpConnectionPtr self = weak.lock();
    if (!self) return;
    self->timed_ = false;
    if (!self->socket_->watched() || self->state_ == State::kIdle) return;
    self->CheckForStall();
    if (self->free_) return self->Release();
    if (self->state_ == State::kClosed) return;
    self->timed_ = true;
    self->CheckLater();
  });
}

// An interval after the last time.
void HttpConnection::CheckForStall() {
  // A slow server's bytes may wait below the low water mark.
  if (progress_ == checked_progress_ && state_ == State::kBusy) ReceiveAll();
  if (state_ == State::kClosed || free_) return;
  // Before a head a server may work for long, and send blanks so as to be waited for.
  const uint64_t interval_ms = StallIntervalMs();
  const uint64_t least = AwaitsHead() ? 1 : interval_ms * kTrickleBytesPerSecond / 1000;
  quiet_ms_ = progress_ - checked_progress_ < least ? quiet_ms_ + interval_ms : 0;
  checked_progress_ = progress_;
  const uint64_t limit_ms = QuietLimitMs();
  if (limit_ms == 0 || quiet_ms_ <= limit_ms) return;
  Fail(AwaitsHead() ? AWS_ERROR_HTTP_RESPONSE_FIRST_BYTE_TIMEOUT
                    : AWS_ERROR_HTTP_CHANNEL_THROUGHPUT_FAILURE);
}

}  // namespace s3native::crt
