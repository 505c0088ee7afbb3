#include "wait.h"

namespace s3native {

const std::optional<Error>& WaitLimit::Expired() {
  if (reason_) return reason_;
  if (call_.interrupted && call_.interrupted()) {
    reason_.emplace();
    reason_->code = ErrorCode::kCancelled;
    reason_->message = "the call was interrupted; nothing it started is still running";
  } else if (timeout_s_ != 0 && std::chrono::steady_clock::now() >= deadline_) {
    reason_.emplace();
    reason_->code = ErrorCode::kTimeout;
    reason_->retryable = true;
    reason_->message =
        "the call took longer than total_timeout (" + std::to_string(timeout_s_) + " s)";
  }
  return reason_;
}

}  // namespace s3native
