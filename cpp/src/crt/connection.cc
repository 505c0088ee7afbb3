#include "crt/connection.h"

#include <aws/common/encoding.h>
#include <aws/s3/s3_client.h>
#include <time.h>

#include "crt/errors.h"
#include "s3native/events.h"

namespace s3native::crt {
namespace {

// "Proxy-Authorization: Basic ..." as a line, or nothing without a user.
std::string BasicAuthorization(const Proxy& proxy) {
  if (proxy.user.empty()) return {};
  const std::string plain = proxy.user + ":" + proxy.password;
  std::string encoded(4 * (plain.size() / 3 + 1) + 1, '\0');
  const aws_byte_cursor input = Cursor(plain);
  aws_byte_buf output = aws_byte_buf_from_empty_array(encoded.data(), encoded.size());
  aws_base64_encode(&input, &output);
  return "Proxy-Authorization: Basic " + std::string(encoded.c_str()) + "\r\n";
}

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

int64_t Connection::NowSeconds() const {
  return time(nullptr) + clock_offset_s_.load(std::memory_order_relaxed);
}

void Connection::CheckClock(int64_t server_s) {
  const int64_t offset_s = clock_offset_s_.load(std::memory_order_relaxed);
  const std::optional<int64_t> correction = ClockCorrection(server_s, time(nullptr), offset_s);
  if (!correction) return;
  clock_offset_s_.store(*correction, std::memory_order_relaxed);
  if (IsLogged(LogLevel::kWarning))
    Log(LogLevel::kWarning, "this machine's clock differs from the server's: requests are signed " +
                                std::to_string(*correction) + " s later than it says");
}

Status Connection::Connect() {
  runtime_ = Runtime::Get(config_.event_loops);
  if (config_.scheme == "https") {
    auto settings = TlsSettings::Create(config_);
    if (!settings.ok()) return settings.error();
    tls_settings_ = std::move(settings).value();
  }
  signer_ = std::make_unique<RequestSigner>(config_.region);
  auto credentials = CredentialsSource::Create(config_, *runtime_);
  if (!credentials.ok()) return credentials.error();
  credentials_ = std::move(credentials).value();

  if (config_.proxy.empty()) return Ok();
  Result<Proxy> proxy = ParseProxy(config_.proxy, "proxy");
  if (!proxy.ok()) return std::move(proxy).error();
  if (proxy.value().scheme != "http")
    return InvalidArgument("proxy: TLS to the proxy itself is not supported; name it as http://");
  proxy_ = std::move(proxy).value();
  proxy_authorization_ = BasicAuthorization(*proxy_);
  return Ok();
}

}  // namespace s3native::crt
