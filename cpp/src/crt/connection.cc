#include "crt/connection.h"

#include <aws/http/connection.h>
#include <aws/http/proxy.h>

#include "crt/errors.h"
#include "proxy.h"

namespace s3native::crt {
namespace {

Result<TlsContext> MakeTlsContext(const Config& config) {
  aws_tls_ctx_options options;
  aws_tls_ctx_options_init_default_client(&options, Allocator());
  aws_tls_ctx_options_set_minimum_tls_version(&options, AWS_IO_TLSv1_2);
  aws_tls_ctx_options_set_verify_peer(&options, config.verify_ssl);
  TlsContext context;
  bool trusted = true;
  if (config.verify_ssl && !config.ca_bundle.empty()) {
    trusted = aws_tls_ctx_options_override_default_trust_store_from_path(
                  &options, nullptr, config.ca_bundle.c_str()) == AWS_OP_SUCCESS;
  }
  if (trusted) context.reset(aws_tls_client_ctx_new(Allocator(), &options));
  const int failure = aws_last_error();
  aws_tls_ctx_options_clean_up(&options);
  if (context) return context;
  return TlsSetupError(config.ca_bundle, aws_error_str(failure));
}

// The proxy as the CRT takes it; the cursors point into `proxy`.
aws_http_proxy_options ProxyOptions(const Proxy& proxy) {
  aws_http_proxy_options options{};
  options.host = Cursor(proxy.host);
  options.port = proxy.port;
  if (!proxy.user.empty()) {
    options.auth_type = AWS_HPAT_BASIC;
    options.auth_username = Cursor(proxy.user);
    options.auth_password = Cursor(proxy.password);
  }
  return options;
}

void SetRetries(const Config& config, aws_s3_client_config* out) {
  out->retry_config.max_retries = config.max_attempts - 1;
  switch (config.retry_mode) {
    case RetryMode::kStandard:
      out->retry_config.retry_mode = AWS_S3_RETRY_MODE_STANDARD;
      break;
    case RetryMode::kAdaptive:
      out->retry_config.retry_mode = AWS_S3_RETRY_MODE_ADAPTIVE;
      break;
    case RetryMode::kLegacy:
      out->retry_config.retry_mode = AWS_S3_RETRY_MODE_EXPONENTIAL_BACKOFF;
      break;
  }
  if (config.max_attempts <= 1) out->retry_config.retry_mode = AWS_S3_RETRY_MODE_NONE;
  // A first wait of 100 ms instead of the CRT's 500: a training step must not stall on one reset
  // connection.
  out->retry_config.backoff_scale_factor_ms = 100;
}

// TLS connection options for one host.
class TlsConnectionOptions {
 public:
  TlsConnectionOptions(aws_tls_ctx* context, const std::string& host);
  ~TlsConnectionOptions();
  TlsConnectionOptions(const TlsConnectionOptions&) = delete;
  TlsConnectionOptions& operator=(const TlsConnectionOptions&) = delete;
  const aws_tls_connection_options* get() const { return &options_; }

 private:
  aws_tls_connection_options options_;
};

TlsConnectionOptions::TlsConnectionOptions(aws_tls_ctx* context, const std::string& host) {
  aws_tls_connection_options_init_from_ctx(&options_, context);
  aws_byte_cursor name = Cursor(host);
  aws_tls_connection_options_set_server_name(&options_, Allocator(), &name);
}

TlsConnectionOptions::~TlsConnectionOptions() { aws_tls_connection_options_clean_up(&options_); }

}  // namespace

Result<std::shared_ptr<Connection>> Connection::Create(const Config& config) {
  auto connection = std::make_shared<Connection>();
  connection->config_ = config;
  Status status = connection->Connect();
  if (!status.ok()) return status.error();
  return connection;
}

aws_signing_config_aws Connection::SigningConfig(aws_credentials* current) const {
  aws_signing_config_aws signing;
  aws_s3_init_default_signing_config(&signing, Cursor(config_.region), credentials_->provider());
  signing.credentials = current;
  signing.flags.use_double_uri_encode = false;
  signing.flags.should_normalize_uri_path = false;
  return signing;
}

Status Connection::Connect() {
  runtime_ = Runtime::Get(config_.event_loops);
  Result<TlsContext> tls = MakeTlsContext(config_);
  if (!tls.ok()) return tls.error();
  tls_ = std::move(tls).value();
  if (config_.scheme == "https") {
    auto settings = TlsSettings::Create(config_);
    if (!settings.ok()) return settings.error();
    tls_settings_ = std::move(settings).value();
  }
  signer_ = std::make_unique<RequestSigner>(config_.region);
  auto credentials = CredentialsSource::Create(config_, *runtime_, tls_.get());
  if (!credentials.ok()) return credentials.error();
  credentials_ = std::move(credentials).value();

  // A callback's credentials come with each request; the client itself is made with anonymous ones.
  CredentialsHandle anonymous(aws_credentials_new_anonymous(Allocator()));
  aws_signing_config_aws signing =
      SigningConfig(credentials_->provider() != nullptr ? nullptr : anonymous.get());
  TlsConnectionOptions tls_options(tls_.get(), config_.host);
  Proxy proxy;
  if (!config_.proxy.empty()) {
    Result<Proxy> parsed = ParseProxy(config_.proxy, "proxy");
    if (!parsed.ok()) return std::move(parsed).error();
    proxy = std::move(parsed).value();
  }
  const aws_http_proxy_options proxy_options = ProxyOptions(proxy);
  proxy_env_var_settings ignore_environment{};  // the configuration has read it already
  ignore_environment.env_var_type = AWS_HPEV_DISABLE;
  aws_http_connection_monitoring_options monitoring{};
  monitoring.minimum_throughput_bytes_per_second = 1;
  monitoring.allowable_throughput_failure_interval_seconds = config_.stall_timeout_s;

  aws_s3_client_config options{};
  options.region = Cursor(config_.region);
  options.client_bootstrap = runtime_->bootstrap();
  options.tls_mode = config_.scheme == "https" ? AWS_MR_TLS_ENABLED : AWS_MR_TLS_DISABLED;
  if (config_.scheme == "https") options.tls_connection_options = tls_options.get();
  options.signing_config = &signing;
  options.num_file_io_threads = 1;  // the least there is: files are not this engine's business
  options.part_size = config_.part_size;
  options.throughput_target_gbps = config_.throughput_target_gbps;
  options.max_active_connections_override = config_.max_connections;
  options.connect_timeout_ms = config_.connect_timeout_ms;
  if (!config_.proxy.empty()) options.proxy_options = &proxy_options;
  options.proxy_ev_settings = &ignore_environment;
  if (config_.stall_timeout_s != 0) options.monitoring_options = &monitoring;
  SetRetries(config_, &options);
  client_.reset(aws_s3_client_new(Allocator(), &options));
  if (!client_) return CrtError(aws_last_error(), {.operation = "Connect", .url = {}, .range = {}});
  return Ok();
}

}  // namespace s3native::crt
