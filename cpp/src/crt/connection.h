// One configured connection to one S3 service: its TLS, proxy, credentials and signing.
// Thread-safety: any thread; constant after Create, but for credentials,
// clock and retry budget. Ownership: shared by the
// stores and operations that use it; releasing the last one lets the CRT wind down in the
// background.
#pragma once

#include <aws/auth/signing_config.h>
#include <aws/io/uri.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "crt/credentials.h"
#include "crt/handles.h"
#include "crt/runtime.h"
#include "crt/tls_stream.h"
#include "proxy.h"
#include "retry_policy.h"
#include "s3native/config.h"
#include "sigv4.h"

namespace s3native::crt {

class Connection {
 public:
  static Result<std::shared_ptr<Connection>> Create(const Config& config);

  const Config& config() const { return config_; }
  const Runtime& runtime() const { return *runtime_; }
  CredentialsSource& credentials() const { return *credentials_; }
  // Null without TLS.
  const std::shared_ptr<TlsSettings>& tls_settings() const { return tls_settings_; }
  RequestSigner& signer() const { return *signer_; }
  // Unix time, by the server's clock when this machine's was found to be wrong.
  int64_t NowSeconds() const;
  // A request was refused, perhaps for its time.
  void CheckClock(int64_t server_s);
  RetryBudget& retry_budget() { return retry_budget_; }
  const std::optional<Proxy>& proxy() const { return proxy_; }
  // The header line for it, or empty.
  const std::string& proxy_authorization() const { return proxy_authorization_; }
  // Signing for one request; `current` is what credentials().Current() gave.
  aws_signing_config_aws SigningConfig(aws_credentials* current) const;

 private:
  Status Connect();

  Config config_;
  std::shared_ptr<Runtime> runtime_;
  std::shared_ptr<TlsSettings> tls_settings_;
  std::unique_ptr<RequestSigner> signer_;
  RetryBudget retry_budget_;
  std::atomic<int64_t> clock_offset_s_ = 0;
  std::optional<Proxy> proxy_;
  std::string proxy_authorization_;
  std::shared_ptr<CredentialsSource> credentials_;
};

}  // namespace s3native::crt
