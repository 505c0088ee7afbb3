#include "s3native/config.h"

#include <algorithm>
#include <utility>

#include "ascii.h"
#include "config_lookup.h"
#include "config_resolver.h"

namespace s3native {
namespace {

bool HasControlBytes(const std::string& text) {
  return std::any_of(text.begin(), text.end(), IsControlByte);
}

}  // namespace

Result<Config> ConfigResolver::Resolve() {
  TakeProfile();
  for (Status (ConfigResolver::*step)() :
       {&ConfigResolver::TakeEndpoint, &ConfigResolver::TakeRegion, &ConfigResolver::TakeAddressing,
        &ConfigResolver::TakeTls, &ConfigResolver::TakeProxy, &ConfigResolver::TakeCredentials,
        &ConfigResolver::TakeRetries, &ConfigResolver::TakeChecksums, &ConfigResolver::TakeSizes}) {
    if (Status status = (this->*step)(); !status.ok()) return std::move(status).error();
  }
  return std::move(config_);
}

void ConfigResolver::TakeProfile() {
  config_.profile = lookup_.profile();
  config_.sources["profile"] = lookup_.profile_source();
  config_.config_file = lookup_.config_file().value;
  config_.sources["config_file"] = lookup_.config_file().source;
  config_.credentials_file = lookup_.credentials_file().value;
  config_.sources["credentials_file"] = lookup_.credentials_file().source;
}

Status ConfigResolver::TakeTls() {
  if (Status status = Take("verify_ssl", options_.verify_ssl,
                           lookup_.Environment({"S3_VERIFY_SSL"}), ParseBool, &config_.verify_ssl);
      !status.ok()) {
    return status;
  }
  return Take("ca_bundle", options_.ca_bundle,
              FirstOf(lookup_.Environment({"AWS_CA_BUNDLE"}), lookup_.Profile("ca_bundle")),
              ParseText, &config_.ca_bundle);
}

Status ConfigResolver::TakeCredentials() {
  const int given = (options_.credentials ? 1 : 0) + (options_.credentials_callback ? 1 : 0) +
                    (options_.anonymous ? 1 : 0);
  if (given > 1) {
    return InvalidArgument("give only one of credentials, credentials callback and anonymous");
  }
  config_.sources["credentials_kind"] = "argument";
  if (options_.anonymous) {
    config_.credentials_kind = CredentialsKind::kAnonymous;
  } else if (options_.credentials_callback) {
    config_.credentials_kind = CredentialsKind::kCallback;
    config_.credentials_callback = options_.credentials_callback;
  } else if (options_.credentials) {
    const Credentials& credentials = *options_.credentials;
    if (credentials.access_key_id.empty() || credentials.secret_access_key.empty()) {
      return InvalidArgument("credentials need both an access key ID and a secret access key");
    }
    if (HasControlBytes(credentials.access_key_id) ||
        HasControlBytes(credentials.secret_access_key) ||
        HasControlBytes(credentials.session_token)) {
      return InvalidArgument("credentials hold a line break or another control character");
    }
    config_.credentials_kind = CredentialsKind::kStatic;
    config_.credentials = credentials;
  } else if (options_.profile) {
    config_.credentials_kind = CredentialsKind::kProfile;
  } else {
    return TakeEnvironmentCredentials();
  }
  return Ok();
}

// Credentials in the environment win over AWS_PROFILE, as in the AWS CLI; an explicit profile
// argument wins over them.
Status ConfigResolver::TakeEnvironmentCredentials() {
  const auto id = lookup_.Environment({"AWS_ACCESS_KEY_ID"});
  const auto secret = lookup_.Environment({"AWS_SECRET_ACCESS_KEY"});
  const auto token = lookup_.Environment({"AWS_SESSION_TOKEN"});
  if (id.has_value() != secret.has_value()) {
    const std::string present = id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY";
    const std::string missing = id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID";
    return InvalidArgument("environment variable " + missing + " is missing while " + present +
                           " is set");
  }
  if (!id) {
    const bool named = lookup_.profile_is_explicit();
    config_.credentials_kind = named ? CredentialsKind::kProfile : CredentialsKind::kDefaultChain;
    config_.sources["credentials_kind"] = lookup_.profile_source();
    return Ok();
  }
  for (const auto& setting : {id, secret, token}) {
    if (setting && HasControlBytes(setting->value)) {
      return InvalidArgument(setting->name + " holds a line break or another control character");
    }
  }
  config_.credentials_kind = CredentialsKind::kStatic;
  config_.credentials = {id->value, secret->value, token ? token->value : "", std::nullopt};
  config_.sources["credentials_kind"] = id->source;
  return Ok();
}

Result<Config> ResolveConfig(const ConfigOptions& options, const ConfigInputs& inputs) {
  Result<ConfigLookup> lookup = ConfigLookup::Load(options, inputs);
  if (!lookup.ok()) return std::move(lookup).error();
  return ConfigResolver(options, inputs, lookup.value()).Resolve();
}

}  // namespace s3native
