#include "crt/lane.h"

#include <aws/common/error.h>
#include <aws/http/http.h>
#include <aws/io/socket.h>

#include <algorithm>

namespace s3native::crt {

struct Lane::Slot {
  std::shared_ptr<Lane> lane;
};

struct Lane::Turn {
  std::shared_ptr<Lane> lane;
  aws_http_connection* connection;
  ExchangePtr exchange;
  bool headers_seen = false;
};

void Lane::Submit(ExchangePtr exchange) {
  std::unique_lock lock(mutex_);
  if (const int crt_code = exchange->withdrawn) {
    lock.unlock();
    return exchange->Finished(crt_code);
  }
  if (!idle_.empty()) {
    aws_http_connection* connection = idle_.back();
    idle_.pop_back();
    lock.unlock();
    return Run(connection, std::move(exchange));
  }
  queue_.push_back(std::move(exchange));
  if (open_ >= max_connections_ || closed_) return;
  ++open_;
  lock.unlock();
  Connect();
}

void Lane::Withdraw(const ExchangePtr& exchange, int crt_code) {
  {
    std::lock_guard lock(mutex_);
    if (exchange->stream != nullptr) {
      aws_http_stream_cancel(exchange->stream, crt_code);
      return;
    }
    exchange->withdrawn = crt_code;
    const auto queued = std::find(queue_.begin(), queue_.end(), exchange);
    if (queued == queue_.end()) return;  // on its way here, or onto a connection, or over
    queue_.erase(queued);
  }
  exchange->Finished(crt_code);
}

void Lane::Close() {
  std::vector<aws_http_connection*> idle;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    idle.swap(idle_);
  }
  for (aws_http_connection* connection : idle) {
    aws_http_connection_close(connection);
    aws_http_connection_release(connection);
  }
}

void Lane::Connect() {
  const Config& config = connection_->config();
  aws_socket_options socket{};
  socket.type = AWS_SOCKET_STREAM;
  socket.domain = AWS_SOCKET_IPV4;
  socket.connect_timeout_ms = config.connect_timeout_ms;
  aws_http_connection_monitoring_options monitoring{};
  monitoring.minimum_throughput_bytes_per_second = 1;
  monitoring.allowable_throughput_failure_interval_seconds = config.stall_timeout_s;
  TlsConnectionOptions tls(connection_->tls(), config.host);
  proxy_env_var_settings ignore_environment{};
  ignore_environment.env_var_type = AWS_HPEV_DISABLE;

  aws_http_client_connection_options options = AWS_HTTP_CLIENT_CONNECTION_OPTIONS_INIT;
  options.allocator = Allocator();
  options.bootstrap = connection_->runtime().bootstrap();
  options.host_name = Cursor(config.host);
  options.port = config.port;
  options.socket_options = &socket;
  options.proxy_ev_settings = &ignore_environment;
  options.initial_window_size = SIZE_MAX;
  if (config.scheme == "https") options.tls_options = tls.get();
  if (config.stall_timeout_s != 0) {
    options.monitoring_options = &monitoring;
    options.response_first_byte_timeout_ms = uint64_t{config.stall_timeout_s} * 1000;
  }
  auto* slot = new Slot{shared_from_this()};
  options.user_data = slot;
  options.on_setup = OnSetup;
  options.on_shutdown = OnShutdown;
  if (aws_http_client_connect(&options) == AWS_OP_SUCCESS) return;
  delete slot;
  Connected(nullptr, aws_last_error());
}

void Lane::OnSetup(aws_http_connection* connection, int crt_code, void* user_data) {
  auto* slot = static_cast<Slot*>(user_data);
  const std::shared_ptr<Lane> lane = slot->lane;
  if (connection == nullptr) delete slot;  // no shutdown callback follows
  lane->Connected(connection, crt_code);
}

void Lane::Connected(aws_http_connection* connection, int crt_code) {
  if (connection != nullptr) return Reuse(connection);
  std::deque<ExchangePtr> stranded;
  {
    std::lock_guard lock(mutex_);
    --open_;
    if (open_ == 0) stranded.swap(queue_);
  }
  for (const ExchangePtr& exchange : stranded) exchange->Finished(crt_code);
}

void Lane::OnShutdown(aws_http_connection* connection, int, void* user_data) {
  const std::unique_ptr<Slot> slot(static_cast<Slot*>(user_data));
  Lane& lane = *slot->lane;
  bool was_idle = false;
  bool reconnect = false;
  {
    std::lock_guard lock(lane.mutex_);
    --lane.open_;
    was_idle = std::erase(lane.idle_, connection) != 0;
    reconnect = !lane.queue_.empty() && lane.open_ < lane.max_connections_;
    if (reconnect) ++lane.open_;
  }
  if (was_idle) aws_http_connection_release(connection);
  if (reconnect) lane.Connect();
}

// The connection is free: the next exchange, or rest.
void Lane::Reuse(aws_http_connection* connection) {
  ExchangePtr next;
  bool keep = aws_http_connection_new_requests_allowed(connection);
  {
    std::lock_guard lock(mutex_);
    keep = keep && !(closed_ && queue_.empty());
    if (keep && !queue_.empty()) {
      next = std::move(queue_.front());
      queue_.pop_front();
    } else if (keep) {
      idle_.push_back(connection);
    }
  }
  if (next) return Run(connection, std::move(next));
  if (keep) return;
  aws_http_connection_close(connection);
  aws_http_connection_release(connection);
}

void Lane::Run(aws_http_connection* connection, ExchangePtr exchange) {
  auto* turn = new Turn{shared_from_this(), connection, exchange};
  aws_http_make_request_options options{};
  options.self_size = sizeof(options);
  options.request = exchange->message();
  options.user_data = turn;
  options.on_response_headers = OnHeaders;
  options.on_response_body = OnBody;
  options.on_complete = OnComplete;
  aws_http_stream* stream = aws_http_connection_make_request(connection, &options);
  if (stream != nullptr) {
    int failure = 0;
    {
      std::lock_guard lock(mutex_);
      exchange->stream = stream;
      failure = exchange->withdrawn;
    }
    if (failure == 0 && aws_http_stream_activate(stream) == AWS_OP_SUCCESS) return;
    if (failure != 0) aws_raise_error(failure);
    {
      std::lock_guard lock(mutex_);
      exchange->stream = nullptr;
    }
    aws_http_stream_release(stream);
  }
  // Withdrawn meanwhile, or the server has closed the connection.
  const int failure = aws_last_error();
  delete turn;
  Reuse(connection);
  exchange->Finished(failure);
}

int Lane::OnHeaders(aws_http_stream* stream, aws_http_header_block block,
                    const aws_http_header* headers, size_t count, void* user_data) {
  auto* turn = static_cast<Turn*>(user_data);
  if (block != AWS_HTTP_HEADER_BLOCK_MAIN) return AWS_OP_SUCCESS;
  if (!turn->headers_seen) {
    turn->headers_seen = true;
    int status = 0;
    aws_http_stream_get_incoming_response_status(stream, &status);
    turn->exchange->OnStatus(status);
  }
  for (size_t i = 0; i < count; ++i)
    turn->exchange->OnHeader(View(headers[i].name), View(headers[i].value));
  return AWS_OP_SUCCESS;
}

int Lane::OnBody(aws_http_stream*, const aws_byte_cursor* data, void* user_data) {
  if (static_cast<Turn*>(user_data)->exchange->OnBody(data->ptr, data->len)) return AWS_OP_SUCCESS;
  return aws_raise_error(AWS_ERROR_HTTP_PROTOCOL_ERROR);
}

void Lane::OnComplete(aws_http_stream* stream, int crt_code, void* user_data) {
  const std::unique_ptr<Turn> turn(static_cast<Turn*>(user_data));
  {
    std::lock_guard lock(turn->lane->mutex_);
    turn->exchange->stream = nullptr;
  }
  aws_http_stream_release(stream);
  // The next request goes out before this one's result is looked at.
  turn->lane->Reuse(turn->connection);
  turn->exchange->Finished(crt_code);
}

}  // namespace s3native::crt
