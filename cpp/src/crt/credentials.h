// Who signs: a CRT credentials provider for everything the CRT can find, or credentials a caller's
// function returns. Thread-safety: CredentialsSource from any thread. Ownership: shared by the
// clients that use it.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "crt/errors.h"
#include "crt/handles.h"
#include "crt/runtime.h"
#include "s3native/config.h"

namespace s3native::crt {

using CredentialsFound = std::function<void(Result<std::shared_ptr<aws_credentials>>)>;

class CredentialsSource {
 public:
  static Result<std::shared_ptr<CredentialsSource>> Create(const Config& config,
                                                           const Runtime& runtime);

  // The provider to sign with, or nullptr when Current() gives the credentials.
  aws_credentials_provider* provider() const { return provider_.get(); }
  bool anonymous() const { return anonymous_; }
  // For a callback source: valid credentials, refreshed on the calling thread, once for all
  // threads, when they expire within five minutes (long enough for the longest request to be signed
  // again on a retry). May block in the caller's function. For others: the fixed credentials, or
  // nullptr where provider() is set.
  Result<std::shared_ptr<aws_credentials>> Current();
  // The credentials of any kind of source, to sign with by hand. `found` runs inline or, when a
  // provider has to ask somewhere, later on a thread of the CRT.
  // `context` is what a failure is reported about.
  void Get(const RequestContext& context, CredentialsFound found);

 private:
  Result<std::shared_ptr<aws_credentials>> Refresh();

  TlsContext tls_;  // for the providers that ask a service
  CredentialsProvider provider_;
  bool anonymous_ = false;
  bool missing_ = false;  // nothing to sign with
  CredentialsCallback callback_;
  std::mutex mutex_;
  std::shared_ptr<aws_credentials> current_;
  int64_t refresh_at_unix_s_ = INT64_MAX;
};

}  // namespace s3native::crt
