// The steps that say how hard to try and how much to use.
#include <algorithm>
#include <cmath>
#include <utility>

#include "config_lookup.h"
#include "config_resolver.h"
#include "endpoint.h"

namespace s3native {
namespace {

constexpr uint64_t kMinMemoryLimit = 256ull << 20;
constexpr uint64_t kMaxMemoryLimit = 4ull << 30;
constexpr uint64_t kMaxPartSize = 5ull << 30;  // S3's
constexpr uint32_t kMaxEventLoops = 18;        // more stop paying: the network card is full before

// Half the cores, the others being the training's; but two where there are two: one loop alone
// cannot keep up with a fast server (1.6 against 2.5 GB/s on 2 cores, at the same CPU per byte).
uint16_t EventLoopsFor(uint32_t cores) {
  const uint32_t least = std::clamp(cores, 1u, 2u);
  return static_cast<uint16_t>(std::clamp(cores / 2, least, kMaxEventLoops));
}

}  // namespace

Status ConfigResolver::TakeRetries() {
  if (Status status =
          Take("max_attempts", options_.max_attempts,
               FirstOf(lookup_.Environment({"AWS_MAX_ATTEMPTS"}), lookup_.Profile("max_attempts")),
               ParsePositive, &config_.max_attempts);
      !status.ok()) {
    return status;
  }
  if (config_.max_attempts == 0) return InvalidArgument("max_attempts must be at least 1");
  if (Status status = Take("ec2_metadata_disabled", std::optional<bool>(),
                           lookup_.Environment({"AWS_EC2_METADATA_DISABLED"}), ParseBool,
                           &config_.ec2_metadata_disabled);
      !status.ok()) {
    return status;
  }
  return Take("retry_mode", options_.retry_mode,
              FirstOf(lookup_.Environment({"AWS_RETRY_MODE"}), lookup_.Profile("retry_mode")),
              ParseRetryMode, &config_.retry_mode);
}

Status ConfigResolver::TakeChecksums() {
  // Google Storage's S3 interface refuses requests with x-amz-checksum headers it does not know.
  if (IsGoogleHost(config_.host)) {
    config_.request_checksum = ChecksumPolicy::kWhenRequired;
    config_.response_checksum = ChecksumPolicy::kWhenRequired;
  }
  const auto request = FirstOf(lookup_.Environment({"AWS_REQUEST_CHECKSUM_CALCULATION"}),
                               lookup_.Profile("request_checksum_calculation"));
  if (Status status = Take("request_checksum", options_.request_checksum, request,
                           ParseChecksumPolicy, &config_.request_checksum);
      !status.ok()) {
    return status;
  }
  const auto response = FirstOf(lookup_.Environment({"AWS_RESPONSE_CHECKSUM_VALIDATION"}),
                                lookup_.Profile("response_checksum_validation"));
  if (Status status = Take("response_checksum", options_.response_checksum, response,
                           ParseChecksumPolicy, &config_.response_checksum);
      !status.ok()) {
    return status;
  }
  for (const char* field : {"request_checksum", "response_checksum"}) {
    if (IsGoogleHost(config_.host) && config_.sources[field] == "default")
      config_.sources[field] = "endpoint";
  }
  return Ok();
}

Status ConfigResolver::TakeSizes() {
  config_.memory_limit = std::clamp(inputs_.machine_memory / 4, kMinMemoryLimit, kMaxMemoryLimit);
  TakeArgument("part_size", options_.part_size, &config_.part_size);
  TakeArgument("throughput_target_gbps", options_.throughput_target_gbps,
               &config_.throughput_target_gbps);
  TakeArgument("max_connections", options_.max_connections, &config_.max_connections);
  TakeArgument("memory_limit", options_.memory_limit, &config_.memory_limit);
  TakeArgument("pin_memory", options_.pin_memory, &config_.pin_memory);
  TakeArgument("event_loops", options_.event_loops, &config_.event_loops);
  TakeArgument("connect_timeout_ms", options_.connect_timeout_ms, &config_.connect_timeout_ms);
  TakeArgument("stall_timeout_s", options_.stall_timeout_s, &config_.stall_timeout_s);
  config_.first_byte_timeout_s = config_.stall_timeout_s;
  TakeArgument("first_byte_timeout_s", options_.first_byte_timeout_s,
               &config_.first_byte_timeout_s);
  TakeArgument("total_timeout_s", options_.total_timeout_s, &config_.total_timeout_s);
  if (config_.event_loops == 0) {
    config_.event_loops = EventLoopsFor(inputs_.cores);
  }
  return CheckSizes();
}

Status ConfigResolver::CheckSizes() {
  if (config_.part_size == 0 || config_.part_size > kMaxPartSize) {
    return InvalidArgument("part_size must be from 1 byte to 5 GiB");
  }
  if (!std::isfinite(config_.throughput_target_gbps) || config_.throughput_target_gbps <= 0) {
    return InvalidArgument("throughput_target_gbps must be greater than 0");
  }
  if (config_.memory_limit == 0) return InvalidArgument("memory_limit must be greater than 0");
  if (config_.connect_timeout_ms == 0)
    return InvalidArgument("connect_timeout_ms must be greater than 0");
  return Ok();
}

}  // namespace s3native
