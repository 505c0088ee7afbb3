// One configured connection to one S3 service: the aws_s3_client with its TLS, proxy, retry and
// signing settings. Thread-safety: constant after Create, but for the credentials source.
// Ownership: shared by the stores and operations that use it; releasing the last one lets the CRT
// wind down in the background.
#pragma once

#include <aws/auth/signing_config.h>
#include <aws/io/uri.h>

#include <memory>

#include "crt/credentials.h"
#include "crt/handles.h"
#include "crt/runtime.h"
#include "crt/tls_stream.h"
#include "s3native/config.h"
#include "sigv4.h"

namespace s3native::crt {

class Connection {
 public:
  static Result<std::shared_ptr<Connection>> Create(const Config& config);

  const Config& config() const { return config_; }
  const Runtime& runtime() const { return *runtime_; }
  CredentialsSource& credentials() const { return *credentials_; }
  aws_s3_client* client() const { return client_.get(); }
  // For connections of our own; null without TLS.
  const std::shared_ptr<TlsSettings>& tls_settings() const { return tls_settings_; }
  RequestSigner& signer() const { return *signer_; }
  // Signing for one request; `current` is what credentials().Current() gave.
  aws_signing_config_aws SigningConfig(aws_credentials* current) const;

 private:
  Status Connect();

  Config config_;
  std::shared_ptr<Runtime> runtime_;
  TlsContext tls_;
  std::shared_ptr<TlsSettings> tls_settings_;
  std::unique_ptr<RequestSigner> signer_;
  std::shared_ptr<CredentialsSource> credentials_;
  S3Client client_;
};

}  // namespace s3native::crt
