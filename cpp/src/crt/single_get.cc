#include "crt/single_get.h"

#include <aws/auth/signable.h>
#include <aws/auth/signing.h>
#include <aws/auth/signing_result.h>
#include <aws/common/date_time.h>
#include <aws/s3/s3.h>

#include <cstring>

#include "checksum_text.h"
#include "crc64.h"
#include "crt/object_headers.h"
#include "s3native/stats.h"

namespace s3native::crt {
namespace {

// An error document is a few hundred bytes; anything longer is not one.
constexpr size_t kMaxErrorDocument = 16 * 1024;

bool IsFinal(int status) {
  return status == 403 || status == 404 || status == 412 || status == 416;
}

class SingleGet : public Operation,
                  public Exchange,
                  public std::enable_shared_from_this<SingleGet> {
 public:
  SingleGet(std::shared_ptr<Connection> connection, std::shared_ptr<Lane> lane, GetRequest get,
            MetaRequest request, GetFallback fallback, Completion<GetResult> done)
      : connection_(std::move(connection)),
        lane_(std::move(lane)),
        get_(std::move(get)),
        request_(std::move(request)),
        fallback_(std::move(fallback)),
        done_(std::move(done)) {}

  void Start();
  void Cancel() override;

  aws_http_message* message() override { return message_.get(); }
  void OnStatus(int status) override { status_ = status; }
  void OnHeader(std::string_view name, std::string_view value) override;
  bool OnBody(const uint8_t* data, size_t size) override;
  void Finished(int crt_code) override;

 private:
  static void OnSigned(aws_signing_result* result, int crt_code, void* user_data);
  void Sign(aws_credentials* credentials);
  void Submit() { lane_->Submit(shared_from_this()); }
  bool Intact() const;
  void Fail();
  void FallBack();
  void Complete(Result<GetResult> result);

  const std::shared_ptr<Connection> connection_;
  const std::shared_ptr<Lane> lane_;
  GetRequest get_;
  MetaRequest request_;
  GetFallback fallback_;
  Completion<GetResult> done_;
  HttpMessage message_;
  std::unique_ptr<aws_signable, Releaser<aws_signable_destroy>> signable_;
  std::shared_ptr<SingleGet> signing_self_;

  // Written by the event loop while the exchange is on a connection.
  int status_ = 0;
  ObjectHeaders headers_;
  uint64_t received_ = 0;
  std::string error_document_;

  std::mutex mutex_;  // guards the two below
  bool cancelled_ = false;
  OperationPtr slow_;
};

void SingleGet::Start() {
  auto current = connection_->credentials().Current();
  if (!current.ok()) return Complete(std::move(current).error());
  GlobalCounters().operations.fetch_add(1, std::memory_order_relaxed);
  message_ = MakeMessage(*connection_, request_);
  if (connection_->credentials().anonymous()) return Submit();
  Sign(current.value().get());
}

void SingleGet::Sign(aws_credentials* credentials) {
  aws_signing_config_aws signing = connection_->SigningConfig(credentials);
  aws_date_time_init_now(&signing.date);
  signable_.reset(aws_signable_new_http_request(Allocator(), message_.get()));
  signing_self_ = shared_from_this();
  if (aws_sign_request_aws(Allocator(), signable_.get(),
                           reinterpret_cast<aws_signing_config_base*>(&signing), OnSigned,
                           this) != AWS_OP_SUCCESS) {
    signing_self_.reset();
    FallBack();
  }
}

void SingleGet::OnSigned(aws_signing_result* result, int crt_code, void* user_data) {
  const std::shared_ptr<SingleGet> self =
      std::move(static_cast<SingleGet*>(user_data)->signing_self_);
  if (crt_code != AWS_ERROR_SUCCESS ||
      aws_apply_signing_result_to_http_request(self->message_.get(), Allocator(), result) !=
          AWS_OP_SUCCESS) {
    return self->FallBack();  // which reports what is wrong with the credentials
  }
  self->Submit();
}

void SingleGet::Cancel() {
  OperationPtr slow;
  {
    std::lock_guard lock(mutex_);
    cancelled_ = true;
    slow = slow_;
  }
  if (slow) return slow->Cancel();
  lane_->Withdraw(shared_from_this(), AWS_ERROR_S3_CANCELED);
}

void SingleGet::OnHeader(std::string_view name, std::string_view value) {
  headers_.Add(name, value);
}

bool SingleGet::OnBody(const uint8_t* data, size_t size) {
  if (status_ / 100 != 2) {
    if (error_document_.size() + size > kMaxErrorDocument) return false;
    error_document_.append(reinterpret_cast<const char*>(data), size);
    return true;
  }
  if (size > get_.destination.size - received_) return false;
  std::memcpy(get_.destination.data + received_, data, size);
  received_ += size;
  return true;
}

// Exactly the bytes asked for, cut short only by the object's end.
bool SingleGet::Intact() const {
  const uint64_t start = get_.range.start;
  if (headers_.info.etag.empty()) return false;
  if (status_ == 200)
    return start == 0 && received_ == headers_.content_length && received_ <= get_.destination.size;
  if (status_ != 206 || !headers_.content_range || !headers_.content_range->range) return false;
  const ByteRange& sent = *headers_.content_range->range;
  const uint64_t wanted_end =
      std::min(*get_.range.end, headers_.content_range->size.value_or(UINT64_MAX));
  return sent.start == start && sent.end == wanted_end && received_ == wanted_end - start;
}

void SingleGet::Finished(int crt_code) {
  GlobalCounters().requests.fetch_add(1, std::memory_order_relaxed);
  {
    std::lock_guard lock(mutex_);
    if (cancelled_ && crt_code != AWS_ERROR_SUCCESS) crt_code = AWS_ERROR_S3_CANCELED;
  }
  if (crt_code == AWS_ERROR_S3_CANCELED) return Complete(CrtError(crt_code, request_.context));
  if (crt_code == AWS_ERROR_SUCCESS && IsFinal(status_)) return Fail();
  if (crt_code != AWS_ERROR_SUCCESS || !Intact()) return FallBack();
  GetResult result;
  result.received = received_;
  result.info = headers_.Info(get_.url.key);
  if (status_ == 200 && !result.info.checksum_crc64nvme.empty()) {
    if (Crc64ToBase64(Crc64Nvme(get_.destination.data, received_)) !=
        result.info.checksum_crc64nvme)
      return FallBack();
    result.checksum_validated = true;
  }
  GlobalCounters().bytes_received.fetch_add(received_, std::memory_order_relaxed);
  Complete(std::move(result));
}

void SingleGet::Fail() {
  FailedResponse failure;
  failure.crt_code = AWS_ERROR_S3_INVALID_RESPONSE_STATUS;
  failure.http_status = status_;
  failure.body = error_document_;
  failure.request_id = headers_.request_id;
  failure.attempts = 1;
  GlobalCounters().failures.fetch_add(1, std::memory_order_relaxed);
  Complete(ClassifyFailure(failure, request_.context));
}

void SingleGet::FallBack() {
  GlobalCounters().retries.fetch_add(1, std::memory_order_relaxed);
  OperationPtr slow = fallback_(std::move(get_), std::move(done_));
  bool cancelled = false;
  {
    std::lock_guard lock(mutex_);
    slow_ = slow;
    cancelled = cancelled_;
  }
  if (cancelled && slow) slow->Cancel();
}

void SingleGet::Complete(Result<GetResult> result) {
  const Completion<GetResult> done = std::move(done_);
  done(std::move(result));
}

}  // namespace

OperationPtr StartSingleGet(std::shared_ptr<Connection> connection, std::shared_ptr<Lane> lane,
                            GetRequest get, MetaRequest request, GetFallback fallback,
                            Completion<GetResult> done) {
  auto single =
      std::make_shared<SingleGet>(std::move(connection), std::move(lane), std::move(get),
                                  std::move(request), std::move(fallback), std::move(done));
  single->Start();
  return single;
}

}  // namespace s3native::crt
