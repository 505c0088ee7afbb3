// Turns arguments, environment and profile into a Config, one group of fields after the other.
// Thread-safety: none; lives within one ResolveConfig call. Ownership: keeps references to what it
// is given.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "config_lookup.h"
#include "endpoint.h"
#include "s3native/config.h"

namespace s3native {

// Each step returns the first thing that is wrong. Later steps read what earlier ones resolved.
class ConfigResolver {
 public:
  ConfigResolver(const ConfigOptions& options, const ConfigInputs& inputs,
                 const ConfigLookup& lookup)
      : options_(options), inputs_(inputs), lookup_(lookup) {}

  Result<Config> Resolve();

 private:
  // The rule of every field: the argument, else what was found in environment or profile, else the
  // default in place.
  template <typename T>
  Status Take(const char* field, const std::optional<T>& argument,
              const std::optional<Setting>& found, Result<T> (*parse)(const Setting&), T* out) {
    config_.sources[field] = argument ? "argument" : found ? found->source : "default";
    if (argument) {
      *out = *argument;
    } else if (found) {
      Result<T> parsed = parse(*found);
      if (!parsed.ok()) return std::move(parsed).error();
      *out = std::move(parsed).value();
    }
    return Ok();
  }

  template <typename T>
  void TakeArgument(const char* field, const std::optional<T>& argument, T* out) {
    config_.sources[field] = argument ? "argument" : "default";
    if (argument) *out = *argument;
  }

  void TakeProfile();
  Status TakeEndpoint();
  Status TakeScheme(const Endpoint& endpoint, const std::string& source);
  Status TakeRegion();
  Status TakeAddressing();
  Status TakeTls();
  Status TakeProxy();
  Status TakeCredentials();
  Status TakeEnvironmentCredentials();
  Status TakeRetries();
  Status TakeChecksums();
  Status TakeSizes();
  Status CheckSizes();

  const ConfigOptions& options_;
  const ConfigInputs& inputs_;
  const ConfigLookup& lookup_;
  Config config_;
};

}  // namespace s3native
