#include "crt/credentials.h"

#include <time.h>

#include <algorithm>
#include <vector>

#include "ascii.h"

namespace s3native::crt {
namespace {

constexpr int64_t kRefreshMarginSeconds = 300;
// How long credentials without an expiry (a profile file) are kept before they are read again.
constexpr uint64_t kCacheMilliseconds = 15 * 60 * 1000;

Error CredentialsError(const std::string& what) {
  Error error;
  error.code = ErrorCode::kCredentials;
  error.message = what;
  return error;
}

// Credentials travel in headers, and a file, a process or a metadata service may say anything.
bool BreaksOut(const aws_credentials* credentials) {
  for (const aws_byte_cursor part : {aws_credentials_get_access_key_id(credentials),
                                     aws_credentials_get_session_token(credentials)}) {
    const std::string_view text = View(part);
    if (std::any_of(text.begin(), text.end(), IsControlByte)) return true;
  }
  return false;
}
constexpr char kControlBytes[] =
    "the access key ID or the session token that was found holds a control character";

std::shared_ptr<aws_credentials> MakeCredentials(const Credentials& credentials) {
  aws_credentials* made = aws_credentials_new(
      Allocator(), Cursor(credentials.access_key_id), Cursor(credentials.secret_access_key),
      Cursor(credentials.session_token),
      credentials.expiry_unix_s ? static_cast<uint64_t>(*credentials.expiry_unix_s) : UINT64_MAX);
  return {made, Releaser<aws_credentials_release>()};
}

// Collects the providers of a chain; those that do not apply here (no role, no URI) are not made
// and not added.
class ChainBuilder {
 public:
  void Add(aws_credentials_provider* provider) {
    if (provider != nullptr) providers_.emplace_back(provider);
  }
  // Null when no provider applies here.
  CredentialsProvider Build() {
    if (providers_.empty()) return nullptr;
    std::vector<aws_credentials_provider*> raw;
    for (const CredentialsProvider& provider : providers_) raw.push_back(provider.get());
    aws_credentials_provider_chain_options options{};
    options.providers = raw.data();
    options.provider_count = raw.size();
    CredentialsProvider chain(aws_credentials_provider_new_chain(Allocator(), &options));
    aws_credentials_provider_cached_options cached{};
    cached.source = chain.get();
    cached.refresh_time_in_milliseconds = kCacheMilliseconds;
    return CredentialsProvider(aws_credentials_provider_new_cached(Allocator(), &cached));
  }

 private:
  std::vector<CredentialsProvider> providers_;
};

// Reading the trust store takes 10 ms of CPU: only for providers.
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

// Everything a profile can name: static keys, assume-role (source_profile or credential_source),
// process, SSO.
void AddProfileProviders(const Config& config, const Runtime& runtime, aws_tls_ctx* tls,
                         ChainBuilder* chain) {
  aws_credentials_provider_profile_options profile{};
  profile.profile_name_override = Cursor(config.profile);
  profile.config_file_name_override = Cursor(config.config_file);
  profile.credentials_file_name_override = Cursor(config.credentials_file);
  profile.bootstrap = runtime.bootstrap();
  profile.tls_ctx = tls;
  chain->Add(aws_credentials_provider_new_profile(Allocator(), &profile));
  aws_credentials_provider_process_options process{};
  process.profile_to_use = Cursor(config.profile);
  chain->Add(aws_credentials_provider_new_process(Allocator(), &process));
  aws_credentials_provider_sso_options sso{};
  sso.profile_name_override = Cursor(config.profile);
  sso.config_file_name_override = Cursor(config.config_file);
  sso.bootstrap = runtime.bootstrap();
  sso.tls_ctx = tls;
  chain->Add(aws_credentials_provider_new_sso(Allocator(), &sso));
}

// What the machine itself can say: web identity (Kubernetes), ECS, EC2 metadata.
void AddMachineProviders(const Config& config, const Runtime& runtime, aws_tls_ctx* tls,
                         ChainBuilder* chain) {
  aws_credentials_provider_sts_web_identity_options web_identity{};
  web_identity.bootstrap = runtime.bootstrap();
  web_identity.tls_ctx = tls;
  web_identity.profile_name_override = Cursor(config.profile);
  chain->Add(aws_credentials_provider_new_sts_web_identity(Allocator(), &web_identity));
  aws_credentials_provider_ecs_environment_options ecs{};
  ecs.bootstrap = runtime.bootstrap();
  ecs.tls_ctx = tls;
  chain->Add(aws_credentials_provider_new_ecs_from_environment(Allocator(), &ecs));
  if (config.ec2_metadata_disabled) return;
  aws_credentials_provider_imds_options imds{};
  imds.bootstrap = runtime.bootstrap();
  chain->Add(aws_credentials_provider_new_imds(Allocator(), &imds));
}

}  // namespace

Result<std::shared_ptr<CredentialsSource>> CredentialsSource::Create(const Config& config,
                                                                     const Runtime& runtime) {
  auto source = std::make_shared<CredentialsSource>();
  switch (config.credentials_kind) {
    case CredentialsKind::kAnonymous:
      source->anonymous_ = true;
      source->current_ = {aws_credentials_new_anonymous(Allocator()),
                          Releaser<aws_credentials_release>()};
      return source;
    case CredentialsKind::kStatic:
      source->current_ = MakeCredentials(config.credentials);
      return source;
    case CredentialsKind::kCallback:
      source->callback_ = config.credentials_callback;
      source->refresh_at_unix_s_ = 0;
      return source;
    case CredentialsKind::kDefaultChain:
    case CredentialsKind::kProfile:
      break;
  }
  Result<TlsContext> tls = MakeTlsContext(config);
  if (!tls.ok()) return std::move(tls).error();
  source->tls_ = std::move(tls).value();
  ChainBuilder chain;
  AddProfileProviders(config, runtime, source->tls_.get(), &chain);
  if (config.credentials_kind == CredentialsKind::kDefaultChain)
    AddMachineProviders(config, runtime, source->tls_.get(), &chain);
  source->provider_ = chain.Build();
  source->missing_ = source->provider_ == nullptr;
  return source;
}

Result<std::shared_ptr<aws_credentials>> CredentialsSource::Current() {
  if (missing_) {
    return CredentialsError(
        "no credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a "
        "profile, pass "
        "credentials=, or credentials=\"anonymous\" for public buckets");
  }
  if (!callback_) return current_;
  std::lock_guard lock(mutex_);
  if (time(nullptr) < refresh_at_unix_s_) return current_;
  return Refresh();
}

void CredentialsSource::Get(const RequestContext& context, CredentialsFound found) {
  auto current = Current();
  if (!provider_ || !current.ok()) return found(std::move(current));
  struct Waiting {
    RequestContext context;
    CredentialsFound found;
  };
  const auto on_found = [](aws_credentials* credentials, int crt_code, void* user_data) {
    const std::unique_ptr<Waiting> waiting(static_cast<Waiting*>(user_data));
    if (credentials == nullptr) return waiting->found(CrtError(crt_code, waiting->context));
    if (BreaksOut(credentials)) return waiting->found(CredentialsError(kControlBytes));
    aws_credentials_acquire(credentials);
    waiting->found(
        std::shared_ptr<aws_credentials>(credentials, Releaser<aws_credentials_release>()));
  };
  auto* waiting = new Waiting{context, std::move(found)};
  if (aws_credentials_provider_get_credentials(provider_.get(), on_found, waiting) !=
      AWS_OP_SUCCESS)
    on_found(nullptr, aws_last_error(), waiting);
}

Result<std::shared_ptr<aws_credentials>> CredentialsSource::Refresh() {
  Result<Credentials> fresh = callback_();
  if (!fresh.ok()) return fresh.error();
  const int64_t now = time(nullptr);
  const std::optional<int64_t> expiry = fresh.value().expiry_unix_s;
  if (expiry && *expiry <= now) {
    return CredentialsError(
        "the credentials function returned credentials that have already expired");
  }
  current_ = MakeCredentials(fresh.value());
  if (!current_)
    return CredentialsError("the credentials function returned an empty access key or secret");
  if (BreaksOut(current_.get())) {
    current_ = nullptr;
    return CredentialsError(kControlBytes);
  }
  refresh_at_unix_s_ = expiry ? std::max(now + 1, *expiry - kRefreshMarginSeconds) : INT64_MAX;
  return current_;
}

}  // namespace s3native::crt
