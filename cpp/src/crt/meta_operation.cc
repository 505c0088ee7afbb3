#include "crt/meta_operation.h"

#include <aws/io/uri.h>

#include <mutex>

#include "s3native/stats.h"

namespace s3native::crt {
namespace {

class MetaOperation : public Operation, public std::enable_shared_from_this<MetaOperation> {
 public:
  MetaOperation(std::shared_ptr<Connection> connection, MetaRequest request,
                Completion<MetaResponse> done)
      : connection_(std::move(connection)), request_(std::move(request)), done_(std::move(done)) {}

  void Start();
  void Cancel() override;

 private:
  static int OnHeaders(aws_s3_meta_request*, const aws_http_headers* headers, int, void* user_data);
  static int OnBody(aws_s3_meta_request*, const aws_byte_cursor* body, uint64_t offset,
                    void* user_data);
  static void OnTelemetry(aws_s3_meta_request*, aws_s3_request_metrics* metrics, void* user_data);
  static void OnFinish(aws_s3_meta_request*, const aws_s3_meta_request_result* result,
                       void* user_data);
  static void OnShutdown(void* user_data);

  void Fill(aws_s3_meta_request_options* options);
  void Finish(const aws_s3_meta_request_result& result);
  void Complete();

  const std::shared_ptr<Connection> connection_;
  MetaRequest request_;
  Completion<MetaResponse> done_;
  MetaResponse response_;
  std::optional<Error> error_;
  aws_byte_buf destination_{};
  aws_s3_checksum_config checksum_{};

  std::shared_ptr<MetaOperation> self_;  // from Start to shutdown
  std::mutex mutex_;                     // guards what follows
  aws_s3_meta_request* meta_request_ = nullptr;
  bool finished_ = false;
  int attempts_ = 0;
  int last_status_ = 0;  // of the last response, which the CRT does not report when it gives up
  std::string request_id_;
};

void MetaOperation::Fill(aws_s3_meta_request_options* options) {
  options->user_data = this;
  options->finish_callback = OnFinish;
  options->shutdown_callback = OnShutdown;
  options->headers_callback = OnHeaders;
  options->telemetry_callback = OnTelemetry;
  options->operation_name = Cursor(request_.context.operation);
  if (request_.receive_into) {
    options->type = AWS_S3_META_REQUEST_TYPE_GET_OBJECT;
    destination_ =
        aws_byte_buf_from_empty_array(request_.destination.data, request_.destination.size);
    options->recv_buffer = &destination_;
    checksum_.validate_response_checksum =
        connection_->config().response_checksum == ChecksumPolicy::kWhenSupported;
    checksum_.response_checksum_validation_mode = AWS_SCVM_REQUEST_ONLY;
    options->checksum_config = &checksum_;
    return;
  }
  options->type = AWS_S3_META_REQUEST_TYPE_DEFAULT;
  options->body_callback = OnBody;
  if (request_.body.size != 0) {
    options->request_body = aws_byte_cursor_from_array(request_.body.data, request_.body.size);
  } else if (!request_.document.empty()) {
    options->request_body = Cursor(request_.document);
  }
}

void MetaOperation::Start() {
  auto current = connection_->credentials().Current();
  if (!current.ok()) return done_(std::move(current).error());
  aws_signing_config_aws signing = connection_->SigningConfig(current.value().get());
  aws_s3_meta_request_options options{};
  Fill(&options);
  HttpMessage message = MakeMessage(*connection_, request_);
  options.message = message.get();
  options.signing_config = &signing;
  const std::string endpoint_text =
      connection_->config().scheme + "://" +
      RequestAuthority(connection_->config(), request_.context.url.bucket);
  aws_byte_cursor endpoint_cursor = Cursor(endpoint_text);
  aws_uri endpoint;
  aws_uri_init_parse(&endpoint, Allocator(), &endpoint_cursor);
  options.endpoint = &endpoint;

  GlobalCounters().operations.fetch_add(1, std::memory_order_relaxed);
  self_ = shared_from_this();
  aws_s3_meta_request* made = aws_s3_client_make_meta_request(connection_->client(), &options);
  const int failure = aws_last_error();
  aws_uri_clean_up(&endpoint);
  if (made == nullptr) {
    error_ = CrtError(failure, request_.context);
    return Complete();
  }
  std::unique_lock lock(mutex_);
  if (!finished_) {
    meta_request_ = made;
    return;
  }
  lock.unlock();
  aws_s3_meta_request_release(made);
}

void MetaOperation::Cancel() {
  std::lock_guard lock(mutex_);
  if (meta_request_ != nullptr) aws_s3_meta_request_cancel(meta_request_);
}

int MetaOperation::OnHeaders(aws_s3_meta_request*, const aws_http_headers* headers, int,
                             void* user_data) {
  ObjectHeaders gathered;
  for (size_t i = 0; i < aws_http_headers_count(headers); ++i) {
    aws_http_header header;
    aws_http_headers_get_index(headers, i, &header);
    gathered.Add(View(header.name), View(header.value));
  }
  static_cast<MetaOperation*>(user_data)->response_.headers = std::move(gathered);
  return AWS_OP_SUCCESS;
}

int MetaOperation::OnBody(aws_s3_meta_request*, const aws_byte_cursor* body, uint64_t,
                          void* user_data) {
  static_cast<MetaOperation*>(user_data)->response_.body.append(View(*body));
  return AWS_OP_SUCCESS;
}

void MetaOperation::OnTelemetry(aws_s3_meta_request*, aws_s3_request_metrics* metrics,
                                void* user_data) {
  auto* operation = static_cast<MetaOperation*>(user_data);
  std::lock_guard lock(operation->mutex_);  // parts of one GET report from several threads
  ++operation->attempts_;
  GlobalCounters().requests.fetch_add(1, std::memory_order_relaxed);
  if (aws_s3_request_metrics_get_retry_attempt(metrics) > 0) {
    GlobalCounters().retries.fetch_add(1, std::memory_order_relaxed);
  }
  int status = 0;
  if (aws_s3_request_metrics_get_response_status_code(metrics, &status) == AWS_OP_SUCCESS) {
    operation->last_status_ = status;
  }
  const aws_string* request_id = nullptr;
  if (aws_s3_request_metrics_get_request_id(metrics, &request_id) == AWS_OP_SUCCESS &&
      request_id != nullptr) {
    operation->request_id_.assign(aws_string_c_str(request_id), request_id->len);
  }
}

void MetaOperation::OnFinish(aws_s3_meta_request*, const aws_s3_meta_request_result* result,
                             void* user_data) {
  auto* operation = static_cast<MetaOperation*>(user_data);
  operation->Finish(*result);
  aws_s3_meta_request* mine = nullptr;
  {
    std::lock_guard lock(operation->mutex_);
    operation->finished_ = true;
    std::swap(mine, operation->meta_request_);
  }
  if (mine != nullptr) aws_s3_meta_request_release(mine);
}

void MetaOperation::OnShutdown(void* user_data) {
  static_cast<MetaOperation*>(user_data)->Complete();
}

void MetaOperation::Finish(const aws_s3_meta_request_result& result) {
  std::lock_guard lock(mutex_);
  Counters& counters = GlobalCounters();
  if (result.error_code == AWS_ERROR_SUCCESS) {
    response_.received = destination_.len;
    response_.checksum_validated = result.did_validate;
    counters.bytes_received.fetch_add(response_.received, std::memory_order_relaxed);
    counters.bytes_sent.fetch_add(request_.body.size, std::memory_order_relaxed);
    return;
  }
  counters.failures.fetch_add(1, std::memory_order_relaxed);
  FailedResponse failure;
  failure.crt_code = result.error_code;
  failure.http_status = result.response_status != 0 ? result.response_status : last_status_;
  if (result.error_response_body != nullptr) {
    failure.body = View(aws_byte_cursor_from_buf(result.error_response_body));
  }
  failure.attempts = attempts_;
  failure.request_id = request_id_;
  aws_byte_cursor header;
  if (request_id_.empty() && result.error_response_headers != nullptr &&
      aws_http_headers_get(result.error_response_headers, Cursor("x-amz-request-id"), &header) ==
          AWS_OP_SUCCESS) {
    failure.request_id = View(header);
  }
  error_ = ClassifyFailure(failure, request_.context);
}

void MetaOperation::Complete() {
  std::shared_ptr<MetaOperation> self = std::move(self_);
  Completion<MetaResponse> done = std::move(done_);
  if (error_) {
    done(std::move(*error_));
  } else {
    done(std::move(response_));
  }
}

void AddHeader(aws_http_message* message, std::string_view name, std::string_view value) {
  aws_http_header header{};
  header.name = Cursor(name);
  header.value = Cursor(value);
  aws_http_message_add_header(message, header);
}

}  // namespace

HttpMessage MakeMessage(const Connection& connection, const MetaRequest& request) {
  HttpMessage message(aws_http_message_new_request(Allocator()));
  aws_http_message_set_request_method(message.get(), Cursor(request.method));
  aws_http_message_set_request_path(message.get(), Cursor(request.path));
  AddHeader(message.get(), "Host",
            RequestAuthority(connection.config(), request.context.url.bucket));
  for (const auto& [name, value] : request.headers) AddHeader(message.get(), name, value);
  const std::string_view method = request.method;
  const size_t body_size = request.body.size != 0 ? request.body.size : request.document.size();
  if (method == "PUT" || method == "POST")
    AddHeader(message.get(), "Content-Length", std::to_string(body_size));
  return message;
}

OperationPtr StartMetaRequest(std::shared_ptr<Connection> connection, MetaRequest request,
                              Completion<MetaResponse> done) {
  auto operation =
      std::make_shared<MetaOperation>(std::move(connection), std::move(request), std::move(done));
  operation->Start();
  return operation;
}

}  // namespace s3native::crt
