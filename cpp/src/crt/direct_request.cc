#include "crt/direct_request.h"

#include <aws/s3/s3.h>
#include <time.h>

#include "checksum_text.h"
#include "crc64.h"
#include "crt/object_headers.h"
#include "s3native/stats.h"
#include "sigv4.h"

namespace s3native::crt {
namespace {

// An error document is a few hundred bytes; anything longer is not one.
constexpr size_t kMaxDocument = 64 * 1024;

bool IsFinal(int status) {
  return status == 403 || status == 404 || status == 412 || status == 416;
}

// What GET and PUT share: credentials, signature, the exchange, error documents, the slow way.
template <typename T>
class DirectRequest : public Operation,
                      public Exchange,
                      public std::enable_shared_from_this<DirectRequest<T>> {
 public:
  DirectRequest(std::shared_ptr<Connection> connection, std::shared_ptr<HttpPool> pool,
                MetaRequest request, Completion<T> done)
      : request_(std::move(request)),
        connection_(std::move(connection)),
        pool_(std::move(pool)),
        done_(std::move(done)) {}

  void Start() {
    GlobalCounters().operations.fetch_add(1, std::memory_order_relaxed);
    connection_->credentials().Get(
        [self = this->shared_from_this()](Result<std::shared_ptr<aws_credentials>> found) {
          if (!found.ok()) return self->Complete(std::move(found).error());
          self->credentials_ = std::move(found).value();
          self->pool_->Submit(self);
        });
  }

  void Cancel() override {
    OperationPtr slow;
    {
      std::lock_guard lock(mutex_);
      cancelled_ = true;
      slow = slow_;
    }
    if (slow) return slow->Cancel();
    pool_->Withdraw(this->shared_from_this(), AWS_ERROR_S3_CANCELED);
  }

  std::string Head() override {
    const std::string authority =
        RequestAuthority(connection_->config(), request_.context.url.bucket);
    const RequestHead head{request_.method, request_.path, authority, request_.headers};
    std::string text;
    if (connection_->credentials().anonymous()) {
      text = UnsignedHead(head);
    } else {
      const aws_credentials* credentials = credentials_.get();
      const SigningCredentials signing{
          View(aws_credentials_get_access_key_id(credentials)),
          View(aws_credentials_get_secret_access_key(credentials)),
          View(aws_credentials_get_session_token(credentials))};
      text = connection_->signer().Sign(head, signing, time(nullptr));
    }
    if (request_.method == std::string_view("PUT"))
      text.append("content-length: ").append(std::to_string(request_.body.size)).append("\r\n");
    return text.append("\r\n");
  }

  ConstBytes Body() override { return request_.body; }

  BodyPlace OnHead(const HttpHead& head, uint64_t size) override {
    status_ = head.status;
    for (const auto& [name, value] : head.headers) headers_.Add(name, value);
    headers_.content_length = size;
    return status_ / 100 == 2 ? Destination(size) : ForDocument(size);
  }

  void Finished(int crt_code) override {
    GlobalCounters().requests.fetch_add(1, std::memory_order_relaxed);
    {
      std::lock_guard lock(mutex_);
      if (cancelled_ && crt_code != AWS_ERROR_SUCCESS) crt_code = AWS_ERROR_S3_CANCELED;
    }
    if (crt_code == AWS_ERROR_S3_CANCELED) return Complete(CrtError(crt_code, request_.context));
    if (crt_code == AWS_ERROR_SUCCESS && status_ / 100 == 2) return Arrived();
    if (crt_code == AWS_ERROR_SUCCESS && IsFinal(status_)) return Fail(0);
    GoSlow(crt_code);
  }

 protected:
  // Where the body of a 2xx response of `size` bytes goes.
  virtual BodyPlace Destination(uint64_t size) = 0;
  // A whole 2xx response is here: completes, or goes slow when it is not what was asked for.
  virtual void Arrived() = 0;
  virtual OperationPtr StartSlow(Completion<T> done) = 0;

  BodyPlace ForDocument(uint64_t size) {
    if (size > kMaxDocument) return {};
    document_.resize(size);
    return {{reinterpret_cast<std::byte*>(document_.data()), document_.size()}};
  }

  void Complete(Result<T> result) {
    const Completion<T> done = std::move(done_);
    done(std::move(result));
  }

  // `crt_code` says what went wrong, 0 that it was the response's status.
  void GoSlow(int crt_code) {
    if (connection_->config().max_attempts <= 1) return Fail(crt_code);
    GlobalCounters().retries.fetch_add(1, std::memory_order_relaxed);
    OperationPtr slow = StartSlow(std::move(done_));
    bool cancelled = false;
    {
      std::lock_guard lock(mutex_);
      slow_ = slow;
      cancelled = cancelled_;
    }
    if (cancelled && slow) slow->Cancel();
  }

  MetaRequest request_;
  // Written by the event loop while the exchange is on a connection.
  int status_ = 0;
  ObjectHeaders headers_;
  std::string document_;

 private:
  void Fail(int crt_code) {
    FailedResponse failure;
    failure.crt_code = crt_code != 0 ? crt_code : AWS_ERROR_S3_INVALID_RESPONSE_STATUS;
    failure.http_status = status_;
    failure.body = document_;
    failure.request_id = headers_.request_id;
    failure.attempts = 1;
    GlobalCounters().failures.fetch_add(1, std::memory_order_relaxed);
    Complete(ClassifyFailure(failure, request_.context));
  }

  const std::shared_ptr<Connection> connection_;
  const std::shared_ptr<HttpPool> pool_;
  Completion<T> done_;
  std::shared_ptr<aws_credentials> credentials_;

  std::mutex mutex_;  // guards the two below
  bool cancelled_ = false;
  OperationPtr slow_;
};

class GetRunner final : public DirectRequest<GetResult> {
 public:
  GetRunner(std::shared_ptr<Connection> connection, std::shared_ptr<HttpPool> pool, DirectGet get,
            SlowGet slow_way, Completion<GetResult> done)
      : DirectRequest(std::move(connection), std::move(pool), std::move(get.request),
                      std::move(done)),
        get_(std::move(get.get)),
        slow_way_(std::move(slow_way)),
        on_object_(std::move(get.on_object)) {}

 private:
  BodyPlace Destination(uint64_t size) override {
    if (!Promised(size)) return {};
    received_ = std::min<uint64_t>(size, get_.destination.size);
    if (on_object_) {
      ObjectHeaders copy = headers_;
      on_object_(copy.Info(request_.context.url.key));
    }
    return {{get_.destination.data, static_cast<size_t>(received_)}, get_.whole};
  }

  // Exactly the bytes asked for, cut short only by the object's end.
  bool Promised(uint64_t size) const {
    if (headers_.info.etag.empty()) return false;
    if (get_.whole) return status_ == 200;
    if (size > get_.destination.size) return false;
    if (status_ == 200) return get_.range.start == 0;
    if (status_ != 206 || !headers_.content_range || !headers_.content_range->range) return false;
    const ByteRange& sent = *headers_.content_range->range;
    const uint64_t wanted_end =
        std::min(*get_.range.end, headers_.content_range->size.value_or(UINT64_MAX));
    return sent.start == get_.range.start && sent.end == wanted_end &&
           size == wanted_end - sent.start;
  }

  void Arrived() override {
    GetResult result;
    result.received = received_;
    const bool all = status_ == 200 && received_ == headers_.content_length;
    result.info = headers_.Info(request_.context.url.key);
    if (all && !result.info.checksum_crc64nvme.empty()) {
      if (Crc64ToBase64(Crc64Nvme(get_.destination.data, received_)) !=
          result.info.checksum_crc64nvme)
        return GoSlow(AWS_ERROR_S3_RESPONSE_CHECKSUM_MISMATCH);
      result.checksum_validated = true;
    }
    GlobalCounters().bytes_received.fetch_add(received_, std::memory_order_relaxed);
    Complete(std::move(result));
  }

  OperationPtr StartSlow(Completion<GetResult> done) override {
    return slow_way_(std::move(get_), std::move(done));
  }

  GetRequest get_;
  const SlowGet slow_way_;
  const OnObject on_object_;
  uint64_t received_ = 0;
};

class PutRunner final : public DirectRequest<PutResult> {
 public:
  PutRunner(std::shared_ptr<Connection> connection, std::shared_ptr<HttpPool> pool,
            MetaRequest request, SlowPut slow_way, Completion<PutResult> done)
      : DirectRequest(std::move(connection), std::move(pool), std::move(request), std::move(done)),
        slow_way_(std::move(slow_way)) {}

 private:
  OperationPtr StartSlow(Completion<PutResult> done) override {
    request_.attempts_before = 1;
    return slow_way_(std::move(request_), std::move(done));
  }

  // S3 answers a PUT with headers only; a document would have to be understood.
  BodyPlace Destination(uint64_t size) override { return ForDocument(size); }

  void Arrived() override {
    if (headers_.info.etag.empty() || !document_.empty()) return GoSlow(AWS_ERROR_S3_MISSING_ETAG);
    GlobalCounters().bytes_sent.fetch_add(request_.body.size, std::memory_order_relaxed);
    Complete(PutResult{std::move(headers_.info.etag), std::move(headers_.info.version_id),
                             std::move(headers_.info.checksum_crc64nvme)});
  }

  const SlowPut slow_way_;
};

}  // namespace

OperationPtr StartDirectGet(std::shared_ptr<Connection> connection, std::shared_ptr<HttpPool> pool,
                            DirectGet get, SlowGet slow_way, Completion<GetResult> done) {
  auto runner = std::make_shared<GetRunner>(std::move(connection), std::move(pool), std::move(get),
                                            std::move(slow_way), std::move(done));
  runner->Start();
  return runner;
}

OperationPtr StartDirectPut(std::shared_ptr<Connection> connection, std::shared_ptr<HttpPool> pool,
                            MetaRequest request, SlowPut slow_way, Completion<PutResult> done) {
  auto runner =
      std::make_shared<PutRunner>(std::move(connection), std::move(pool), std::move(request),
                                  std::move(slow_way), std::move(done));
  runner->Start();
  return runner;
}

}  // namespace s3native::crt
