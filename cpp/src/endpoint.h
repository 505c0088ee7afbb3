// Where requests go: parsing of endpoints, what is Amazon and what is not, path or virtual-hosted
// style. RequestAuthority and RequestPath of s3native/config.h are implemented here too.
// Thread-safety: pure functions. Ownership: results by value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "s3native/config.h"
#include "s3native/error.h"

namespace s3native {

struct Endpoint {
  std::string scheme;  // "http", "https" or empty when none was written
  std::string host;    // lower case; IPv6 without brackets
  std::optional<uint16_t> port;
};

// Parses "[scheme://]HOST[:PORT][/]". Errors start with `name`, the argument or variable it came
// from.
Result<Endpoint> ParseEndpoint(std::string_view text, std::string_view name);

// A number from 1 to 65535, digits only.
std::optional<uint16_t> ParsePort(std::string_view text);

// The scheme's port.
uint16_t DefaultPort(std::string_view scheme);

// IPv4 in dots or IPv6 without brackets.
bool IsIpAddress(std::string_view host);

// S3's host for `region`, in the partition that the region's name says.
std::string AmazonHost(const std::string& region);
bool IsAmazonHost(std::string_view host);
// The region that an Amazon host such as s3.eu-west-1.amazonaws.com names; empty when it names
// none.
std::string RegionOfAmazonHost(std::string_view host);

bool IsGoogleHost(std::string_view host);

// Whether a request for `bucket` carries it in the path rather than in the host name.
bool UsesPathStyle(const Config& config, std::string_view bucket);

// The host as it stands in a URL: IPv6 in brackets.
std::string HostInUrl(const std::string& host);

}  // namespace s3native
