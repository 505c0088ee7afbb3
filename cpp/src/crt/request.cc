#include "crt/request.h"

#include <aws/s3/s3.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <thread>
#include <utility>

#include "checksum_text.h"
#include "crt/loop_task.h"
#include "crt/object_headers.h"
#include "retry_policy.h"
#include "s3native/checksums.h"
#include "s3native/events.h"
#include "s3native/stats.h"
#include "sigv4.h"
#include "steady_clock.h"
#include "time_format.h"

namespace s3native::crt {
namespace {

// An error document is a few hundred bytes; anything longer is not one.
constexpr size_t kMaxError = 64 * 1024;
// A listing of 1 000 keys of 1 024 bytes, each percent-encoded, takes 3.5 MB.
constexpr size_t kMaxDocument = 16 * 1024 * 1024;

// What a connection to Amazon carries while a request waits for its answer.
constexpr uint64_t kMaxSmallSize = 1 << 20;

// From [0, 1), another one for each thread.
double Random() {
  thread_local std::minstd_rand generator{std::random_device{}()};
  return std::uniform_real_distribution<double>()(generator);
}

// What all requests share: credentials, signature, the exchange, error documents, retries.
template <typename T>
class RequestRunner : public Operation,
                      public Exchange,
                      public std::enable_shared_from_this<RequestRunner<T>> {
 public:
  RequestRunner(std::shared_ptr<Connection> connection, std::shared_ptr<HttpPool> pool,
                Request request, Completion<T> done)
      : request_(std::move(request)),
        connection_(std::move(connection)),
        pool_(std::move(pool)),
        done_(std::move(done)) {}

  void Start() {
    if (AreRequestsRecorded() || IsLogged(LogLevel::kDebug)) {
      record_ = std::make_unique<RequestRecord>();
      started_us_ = NowMicroseconds();
    }
    GlobalCounters().operations.fetch_add(1, std::memory_order_relaxed);
    Ask();
  }

  void Cancel() override {
    bool waiting = false;
    {
      std::lock_guard lock(mutex_);
      cancelled_ = true;
      waiting = std::exchange(waiting_, false);
    }
    if (waiting) return Complete(Cancelled());
    if (const HttpConnectionPtr connection = driven_on)
      return connection->CancelHere(this, AWS_ERROR_S3_CANCELED);
    pool_->Withdraw(this->shared_from_this(), AWS_ERROR_S3_CANCELED);
  }

  bool Drive(uint64_t time_ms) override {
    const HttpConnectionPtr connection = driven_on;
    if (connection) connection->Drive(this, time_ms);
    return connection != nullptr;
  }

  bool IsDriven() const override { return request_.driven; }

  std::string Head() override {
    if (record_) sent_us_ = NowMicroseconds();
    const std::string authority =
        RequestAuthority(connection_->config(), request_.context.url.bucket);
    const bool through_proxy = connection_->proxy() && connection_->config().scheme == "http";
    const std::string origin = through_proxy ? "http://" + authority : "";
    const RequestHead head{request_.method, request_.path, authority, request_.headers, origin};
    std::string text;
    if (connection_->credentials().anonymous()) {
      text = UnsignedHead(head);
    } else {
      const aws_credentials* credentials = credentials_.get();
      const SigningCredentials signing{View(aws_credentials_get_access_key_id(credentials)),
                                       View(aws_credentials_get_secret_access_key(credentials)),
                                       View(aws_credentials_get_session_token(credentials))};
      signed_at_s_ = connection_->NowSeconds();
      text = connection_->signer().Sign(head, signing, signed_at_s_);
    }
    const std::string_view method = request_.method;
    if (method == "PUT" || method == "POST")
      text.append("content-length: ").append(std::to_string(Body().size)).append("\r\n");
    if (through_proxy) text += connection_->proxy_authorization();
    return text.append("\r\n");
  }

  ConstBytes Body() override {
    if (request_.body.size != 0) return request_.body;
    return {reinterpret_cast<const std::byte*>(request_.document.data()), request_.document.size()};
  }

  std::optional<BodyPlace> OnHead(const HttpHead& head, uint64_t size) override {
    status_ = head.status;
    if (status_ == 403) server_time_ms_ = ParseHttpDate(head.Header("date"));
    for (const auto& [name, value] : head.headers) headers_.Add(name, value);
    if (!IsHeadRequest()) headers_.content_length = size;
    const auto place = status_ / 100 == 2 ? Destination(size) : ForDocument(size, kMaxError);
    if (record_) {
      record_->first_byte_us = NowMicroseconds() - sent_us_;
      record_->bytes_received = place ? place->bytes.size : 0;
      record_->request_id = headers_.request_id;
    }
    return place;
  }

  void Finished(int crt_code) override {
    GlobalCounters().requests.fetch_add(1, std::memory_order_relaxed);
    bool cancelled = false;
    {
      std::lock_guard lock(mutex_);
      cancelled = cancelled_ && crt_code != AWS_ERROR_SUCCESS;
    }
    if (driven_on) driven_on = nullptr;  // else it may be another thread's to look at
    if (cancelled) return Complete(Cancelled());
    // The server had closed a connection that was waiting for work.
    if (crt_code == AWS_ERROR_HTTP_CONNECTION_CLOSED) return SendAgain();
    ++attempts_;
    if (crt_code == AWS_ERROR_SUCCESS && status_ / 100 == 2) {
      connection_->retry_budget().Return(attempts_ > 1);
      return Arrived();
    }
    Fail(refusal_ != 0 ? refusal_ : crt_code);
  }

 protected:
  // Where the body of a 2xx response of `size` bytes goes; nothing, with Refuse, when it is not
  // what was asked for.
  virtual std::optional<BodyPlace> Destination(uint64_t size) = 0;
  // A whole 2xx response is here: completes, or fails when it is not what was asked for.
  virtual void Arrived() = 0;

  std::nullopt_t Refuse(int crt_code) {
    refusal_ = crt_code;
    return std::nullopt;
  }

  std::optional<BodyPlace> ForDocument(uint64_t size, uint64_t most) {
    if (size > most) return Refuse(AWS_ERROR_S3_INVALID_CONTENT_LENGTH_HEADER);
    document_.resize(size);
    return BodyPlace{{reinterpret_cast<std::byte*>(document_.data()), document_.size()}};
  }

  int attempts() const { return attempts_; }

  void Complete(Result<T> result) {
    if (record_) Tell(result.ok() ? "" : ErrorCodeName(result.error().code));
    const Completion<T> done = std::move(done_);
    done(std::move(result));
  }

  // `crt_code` says what went wrong, 0 that it was the response's status. Tries again if that may
  // help.
  void Fail(int crt_code) {
    FailedResponse failure;
    failure.crt_code = crt_code != 0 ? crt_code : AWS_ERROR_S3_INVALID_RESPONSE_STATUS;
    failure.http_status = status_;
    failure.body = document_;
    failure.request_id = headers_.request_id;
    failure.bucket_region = headers_.bucket_region;
    failure.attempts = attempts_;
    Error error = ClassifyFailure(failure, request_.context);
    if (static_cast<uint32_t>(attempts_) < connection_->config().max_attempts && WasMistimed()) {
      GlobalCounters().retries.fetch_add(1, std::memory_order_relaxed);
      return SendAgain();
    }
    // Bytes that were damaged on the way may be damaged once; the second time it is the checksum.
    const bool damaged = error.code == ErrorCode::kIntegrity && status_ / 100 == 4;
    const bool damaged_again = damaged && std::exchange(was_damaged_, true);
    if (error.retryable && !damaged_again &&
        static_cast<uint32_t>(attempts_) < connection_->config().max_attempts) {
      if (connection_->config().retry_mode == RetryMode::kLegacy ||
          connection_->retry_budget().Take())
        return WaitAndRetry(error);
      error.message += "; it is not tried again because too many requests fail";
    }
    GlobalCounters().failures.fetch_add(1, std::memory_order_relaxed);
    Complete(std::move(error));
  }

  Request request_;
  // Written by the event loop while the exchange is on a connection.
  int status_ = 0;
  ObjectHeaders headers_;
  std::string document_;

 private:
  void Ask() {
    connection_->credentials().Get(
        request_.context,
        [self = this->shared_from_this()](Result<std::shared_ptr<aws_credentials>> found) {
          if (!found.ok()) return self->Complete(std::move(found).error());
          self->credentials_ = std::move(found).value();
          self->Submit();
        });
  }

  void Submit() {
    const auto self = this->shared_from_this();
    const bool drive = request_.driven && std::this_thread::get_id() == started_by_;
    if (!drive || !pool_->SubmitHere(self)) pool_->Submit(self);
  }

  // As before the first attempt, but for its count.
  void Reset() {
    if (record_) *record_ = {};
    status_ = refusal_ = 0;
    headers_ = {};
    document_.clear();
    pool_->Forget(this->shared_from_this());
  }

  void SendAgain() {
    Reset();
    Submit();
  }

  // Whether it was refused and another signature, by a clock that has been corrected since, may be
  // accepted: once. Of requests in flight together only the first one corrects the clock.
  bool WasMistimed() {
    if (status_ != 403 || signed_at_s_ == 0 || server_time_ms_ == 0 || clock_checked_) return false;
    clock_checked_ = true;
    connection_->CheckClock(server_time_ms_ / 1000);
    return std::abs(connection_->NowSeconds() - signed_at_s_) > 60;
  }

  void WaitAndRetry(const Error& error) {
    const uint64_t delay_ms = RetryDelayMs(attempts_, Random());
    if (IsLogged(LogLevel::kInfo))
      Log(LogLevel::kInfo, "trying again in " + std::to_string(delay_ms) + " ms: " + error.message);
    GlobalCounters().retries.fetch_add(1, std::memory_order_relaxed);
    Reset();
    bool cancelled = false;
    {
      std::lock_guard lock(mutex_);
      cancelled = cancelled_;
      waiting_ = !cancelled;
    }
    // From here on a cancellation that finds waiting_ set completes.
    if (cancelled) return Complete(Cancelled());
    aws_event_loop* loop = aws_event_loop_group_get_next_loop(connection_->runtime().event_loops());
    PostAfter(loop, delay_ms, [self = this->shared_from_this()] {
      {
        std::lock_guard lock(self->mutex_);
        if (!std::exchange(self->waiting_, false)) return;
      }
      self->Ask();
    });
  }

  // Of a request that has ended: whoever watches gets its record.
  void Tell(const char* error) {
    const RequestContext& context = request_.context;
    record_->operation = context.operation;
    record_->bucket = context.url.bucket;
    record_->key = context.url.key;
    record_->range = context.range;
    record_->error = error;
    record_->http_status = status_;
    record_->attempts = attempts_;
    record_->bytes_sent = Body().size;
    record_->total_us = NowMicroseconds() - started_us_;
    record_->connection = connection_id;
    if (IsLogged(LogLevel::kDebug)) Log(LogLevel::kDebug, ToString(*record_));
    if (AreRequestsRecorded()) GetEventQueue().Push(std::move(*record_));
    record_ = nullptr;
  }

  Error Cancelled() const { return CrtError(AWS_ERROR_S3_CANCELED, request_.context); }

  const std::shared_ptr<Connection> connection_;
  const std::shared_ptr<HttpPool> pool_;
  Completion<T> done_;
  std::shared_ptr<aws_credentials> credentials_;

  const std::thread::id started_by_ = std::this_thread::get_id();  // and driven, if driven
  int attempts_ = 0;
  int64_t signed_at_s_ = 0;
  int64_t server_time_ms_ = 0;  // of a refusal, by the server's clock
  bool clock_checked_ = false;
  bool was_damaged_ = false;  // an attempt's bytes did not arrive as they were sent
  int refusal_ = 0;           // the CRT's code for what is wrong with the response

  std::unique_ptr<RequestRecord> record_;  // when somebody wants to know
  uint64_t started_us_ = 0;                // of the first attempt
  uint64_t sent_us_ = 0;                   // of the last one

  std::mutex mutex_;  // guards the two below
  bool cancelled_ = false;
  bool waiting_ = false;  // for the next attempt
};

class GetRunner final : public RequestRunner<GetResult> {
 public:
  GetRunner(std::shared_ptr<Connection> connection, std::shared_ptr<HttpPool> pool, Get get,
            Completion<GetResult> done)
      : RequestRunner(std::move(connection), std::move(pool), std::move(get.request),
                      std::move(done)),
        get_(std::move(get.get)),
        on_object_(std::move(get.on_object)) {}

  bool IsSmall() const override { return get_.destination.size <= kMaxSmallSize; }

 private:
  std::optional<BodyPlace> Destination(uint64_t size) override {
    if (const int crt_code = Refusal(size); crt_code != 0) return Refuse(crt_code);
    received_ = std::min<uint64_t>(size, get_.destination.size);
    began_us_ = NowMicroseconds();
    if (on_object_) {
      ObjectHeaders copy = headers_;
      on_object_(copy.Info(request_.context.url.key));
    }
    return BodyPlace{
        {get_.destination.data, static_cast<size_t>(received_)}, get_.whole, get_.file};
  }

  // What is wrong with a 2xx response of `size` bytes. It must bring exactly the bytes asked for,
  // of the object asked for, cut short only by the object's end.
  int Refusal(uint64_t size) const {
    const std::string& etag = headers_.info.etag;
    if (etag.empty()) return AWS_ERROR_S3_MISSING_ETAG;
    const bool one_etag = get_.if_match != "*" && get_.if_match.find(',') == std::string::npos;
    if (!get_.if_match.empty() && one_etag && etag != get_.if_match)
      return AWS_ERROR_S3_OBJECT_MODIFIED;
    const uint64_t wanted_end = get_.range.end.value_or(UINT64_MAX);
    if (status_ == 200) {
      if (get_.whole) return 0;
      if (get_.range.start != 0 || size > wanted_end)
        return AWS_ERROR_S3_INVALID_CONTENT_LENGTH_HEADER;
      return size > get_.destination.size ? AWS_ERROR_SHORT_BUFFER : 0;
    }
    const auto& range = headers_.content_range;
    if (status_ != 206 || get_.whole || !range || !range->range || !range->size)
      return AWS_ERROR_S3_MISSING_CONTENT_RANGE_HEADER;
    const uint64_t end = std::min(wanted_end, *range->size);
    if (range->range->start != get_.range.start || range->range->end != end)
      return AWS_ERROR_S3_INVALID_CONTENT_RANGE_HEADER;
    if (size != end - get_.range.start) return AWS_ERROR_S3_INVALID_CONTENT_LENGTH_HEADER;
    return size > get_.destination.size ? AWS_ERROR_SHORT_BUFFER : 0;
  }

  void Arrived() override {
    GetResult result;
    result.received = received_;
    result.began_us = began_us_;
    const bool all = status_ == 200 && received_ == headers_.content_length;
    const std::string& expected = headers_.info.checksum_crc64nvme;
    if (all && !get_.file && !headers_.composite_checksum && !expected.empty()) {
      if (Crc64ToBase64(Crc64Nvme(get_.destination.data, received_)) != expected)
        return Fail(AWS_ERROR_S3_RESPONSE_CHECKSUM_MISMATCH);
      result.checksum_validated = true;
    }
    result.info = headers_.Info(request_.context.url.key);
    GlobalCounters().bytes_received.fetch_add(received_, std::memory_order_relaxed);
    Complete(std::move(result));
  }

  const GetRequest get_;
  const OnObject on_object_;
  uint64_t received_ = 0;
  uint64_t began_us_ = 0;
};

class DocumentRunner final : public RequestRunner<Response> {
 public:
  using RequestRunner::RequestRunner;

  bool IsHeadRequest() const override { return request_.method == std::string_view("HEAD"); }
  bool IsUrgent() const override { return true; }
  bool IsSmall() const override { return true; }
  bool IsLaborious() const override { return request_.laborious; }

 private:
  std::optional<BodyPlace> Destination(uint64_t size) override {
    return ForDocument(size, kMaxDocument);
  }

  void Arrived() override {
    if (IsHeadRequest() && !headers_.content_length)
      return Fail(AWS_ERROR_S3_INVALID_CONTENT_LENGTH_HEADER);
    // A server that cannot know yet how its work will end says 200 first.
    if (IsErrorDocument(document_)) return Fail(0);
    if (request_.answer && !HasRoot(document_, request_.answer)) return Fail(AWS_ERROR_INVALID_XML);
    Response response;
    response.attempts = attempts();
    response.headers = std::move(headers_);
    response.body = std::move(document_);
    Complete(std::move(response));
  }
};

class PutRunner final : public RequestRunner<PutResult> {
 public:
  using RequestRunner::RequestRunner;

  bool IsSmall() const override { return request_.body.size <= kMaxSmallSize; }

 private:
  // S3 answers a PUT with headers only; a document would have to be understood.
  std::optional<BodyPlace> Destination(uint64_t size) override {
    return ForDocument(size, kMaxError);
  }

  void Arrived() override {
    if (headers_.info.etag.empty() || !document_.empty()) return Fail(AWS_ERROR_S3_MISSING_ETAG);
    GlobalCounters().bytes_sent.fetch_add(request_.body.size, std::memory_order_relaxed);
    Complete(PutResult{std::move(headers_.info.etag), std::move(headers_.info.version_id),
                       std::move(headers_.info.checksum_crc64nvme)});
  }
};

template <typename Runner, typename... Arguments>
OperationPtr Run(Arguments&&... arguments) {
  auto runner = std::make_shared<Runner>(std::forward<Arguments>(arguments)...);
  runner->Start();
  return runner;
}

}  // namespace

OperationPtr StartGet(std::shared_ptr<Connection> connection, std::shared_ptr<HttpPool> pool,
                      Get get, Completion<GetResult> done) {
  return Run<GetRunner>(std::move(connection), std::move(pool), std::move(get), std::move(done));
}

OperationPtr StartPut(std::shared_ptr<Connection> connection, std::shared_ptr<HttpPool> pool,
                      Request request, Completion<PutResult> done) {
  return Run<PutRunner>(std::move(connection), std::move(pool), std::move(request),
                        std::move(done));
}

OperationPtr StartRequest(std::shared_ptr<Connection> connection, std::shared_ptr<HttpPool> pool,
                          Request request, Completion<Response> done) {
  return Run<DocumentRunner>(std::move(connection), std::move(pool), std::move(request),
                             std::move(done));
}

}  // namespace s3native::crt
