// Where to connect, as whom, and how hard to try: explicit arguments, then environment, then
// profile, then default. Thread-safety: plain values; ResolveConfig is pure but for the files it
// reads through `read_file`.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "s3native/error.h"
#include "s3native/memory.h"

namespace s3native {

enum class Addressing { kAuto, kPath, kVirtual };
enum class RetryMode { kStandard, kAdaptive, kLegacy };
enum class ChecksumPolicy { kWhenSupported, kWhenRequired };

struct Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;
  std::optional<int64_t> expiry_unix_s;
};

// Returns fresh credentials. Called on a caller's thread, never on a thread of the engine, one call
// at a time.
using CredentialsCallback = std::function<Result<Credentials>()>;

// Explicit arguments; an empty optional leaves the choice to environment, profile and default.
struct ConfigOptions {
  std::optional<std::string> endpoint;  // "HOST:PORT" or "scheme://HOST:PORT"
  std::optional<std::string> region;
  std::optional<std::string> profile;
  std::optional<Credentials> credentials;
  CredentialsCallback credentials_callback;
  bool anonymous = false;
  std::optional<Addressing> addressing;
  std::optional<bool> use_https;
  std::optional<bool> verify_ssl;
  std::optional<std::string> ca_bundle;
  std::optional<std::string> proxy;     // "http://[user:password@]host:port"; "" for none
  std::optional<std::string> no_proxy;  // comma-separated hosts and suffixes
  std::optional<uint64_t> part_size;
  std::optional<double> throughput_target_gbps;
  std::optional<uint32_t> max_connections;
  std::optional<uint64_t> memory_limit;
  std::optional<PageLocking> pin_memory;
  std::optional<uint16_t> event_loops;
  std::optional<uint32_t> connect_timeout_ms;
  std::optional<uint32_t> first_byte_timeout_s;
  std::optional<uint32_t> stall_timeout_s;
  std::optional<uint32_t> total_timeout_s;
  std::optional<uint32_t> max_attempts;
  std::optional<RetryMode> retry_mode;
  std::optional<ChecksumPolicy> request_checksum;
  std::optional<ChecksumPolicy> response_checksum;
};

enum class CredentialsKind { kDefaultChain, kProfile, kStatic, kCallback, kAnonymous };

// The resolved configuration.
struct Config {
  std::string scheme = "https";
  std::string host;     // without port; IPv6 without brackets; Amazon: s3.<region>.amazonaws.com
  uint16_t port = 443;  // the scheme's default when none was given
  bool custom_endpoint = false;  // not Amazon
  std::string region = "us-east-1";
  std::string profile = "default";
  std::string config_file;  // as the CRT shall read them, for credentials
  std::string credentials_file;
  CredentialsKind credentials_kind = CredentialsKind::kDefaultChain;
  Credentials credentials;  // for kStatic
  CredentialsCallback credentials_callback;
  Addressing addressing = Addressing::kAuto;
  bool path_style =
      false;  // always; under kAuto some buckets of Amazon take path style too, see RequestPath
  bool verify_ssl = true;
  std::string ca_bundle;
  std::string proxy;  // "http://[user:password@]host:port", may hold a secret; empty: none applies
                      // to this endpoint
  bool ec2_metadata_disabled = false;

  // 8 MiB: the field's default, and where CPU per byte stops falling.
  uint64_t part_size = 8ull << 20;
  // 10 Gbps, as s3torchconnector: sets how many connections the engine opens.
  double throughput_target_gbps = 10.0;
  uint32_t max_connections = 0;  // 0: from the throughput target
  uint64_t memory_limit = 0;     // resolved to a quarter of the machine's memory, 256 MiB to 4 GiB
  PageLocking pin_memory = PageLocking::kNone;  // of the pool
  uint16_t event_loops = 0;  // resolved to one for each two cores, at least one, at most 18
  uint32_t connect_timeout_ms = 3000;
  uint32_t first_byte_timeout_s = 0;  // resolved to stall_timeout_s
  uint32_t stall_timeout_s = 30;      // 0: none
  uint32_t total_timeout_s = 0;       // 0: none
  uint32_t max_attempts = 10;
  RetryMode retry_mode = RetryMode::kStandard;
  ChecksumPolicy request_checksum = ChecksumPolicy::kWhenSupported;
  ChecksumPolicy response_checksum = ChecksumPolicy::kWhenSupported;

  // Field name -> where its value came from: "argument", "environment AWS_REGION", "profile dev",
  // "default", or "endpoint" for what follows from the endpoint (region, scheme). Every field but
  // `credentials` and `credentials_callback` has an entry; theirs is credentials_kind's.
  std::map<std::string, std::string> sources;

  // To one host: as many as the throughput target needs at 1 Gbps each, which is what a connection
  // to Amazon gives, and at least 8, so that latency overlaps; or max_connections.
  size_t Connections() const {
    if (max_connections != 0) return max_connections;
    return throughput_target_gbps < 8 ? 8 : static_cast<size_t>(throughput_target_gbps);
  }
  // Small requests mostly wait: at 30 ms each, which is usual at Amazon, 64 connections carry 2 000
  // a second.
  size_t SmallConnections() const {
    return max_connections != 0 ? max_connections : std::max<size_t>(64, Connections());
  }
};

// What resolution may look at; tests pass maps.
struct ConfigInputs {
  std::function<std::optional<std::string>(const std::string& name)> getenv;
  std::function<std::optional<std::string>(const std::string& path)> read_file;
  uint64_t machine_memory = 0;  // bytes
  uint32_t cores = 0;
};

// The process environment, the file system, the memory and cores this process may use (container
// limits included).
ConfigInputs SystemConfigInputs();

// kInvalidArgument names the argument, variable or file and line; values that may be secret are
// never quoted.
Result<Config> ResolveConfig(const ConfigOptions& options, const ConfigInputs& inputs);

// host[:port] as it goes into the Host header of a request for `bucket` (empty: the service
// itself).
std::string RequestAuthority(const Config& config, const std::string& bucket);
// Percent-encoded path of a request for `bucket` and `key`, starting with "/".
std::string RequestPath(const Config& config, const std::string& bucket, std::string_view key);

}  // namespace s3native
