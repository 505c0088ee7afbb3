#include "endpoint.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "ascii.h"
#include "percent_encoding.h"

namespace s3native {
namespace {

struct Partition {
  std::string_view region_prefix;
  std::string_view suffix;
};

// The commercial partition comes last: it takes every region.
constexpr std::array<Partition, 5> kPartitions = {{
    {"cn-", "amazonaws.com.cn"},
    {"eusc-", "amazonaws.eu"},
    {"us-iso-", "c2s.ic.gov"},
    {"us-isob-", "sc2s.sgov.gov"},
    {"", "amazonaws.com"},
}};

bool EndsWithDomain(std::string_view host, std::string_view domain) {
  if (host.size() <= domain.size()) return host == domain;
  return host.substr(host.size() - domain.size()) == domain &&
         host[host.size() - domain.size() - 1] == '.';
}

// '_' is no letter of host names, yet container networks use it.
bool IsHostByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

bool IsHostName(std::string_view host) {
  return !host.empty() && host.size() <= 253 && host.front() != '.' && host.front() != '-' &&
         host.find("..") == std::string_view::npos &&
         std::all_of(host.begin(), host.end(), IsHostByte);
}

// An endpoint may have been written with a password before '@' or a token behind '?'.
bool MayHoldSecret(std::string_view text) {
  return text.find_first_of("@?") != std::string_view::npos;
}

Error BadEndpoint(std::string_view text, std::string_view name, std::string_view reason) {
  std::string message(name);
  const bool printable = std::none_of(text.begin(), text.end(), IsControlByte);
  if (printable && !MayHoldSecret(text)) message += " \"" + std::string(text) + "\"";
  message += ": ";
  message += reason;
  return InvalidArgument(message + "; expected HOST:PORT or http(s)://HOST:PORT");
}

// Splits "[::1]:9000" or "host:9000"; the port's text is absent when there is no colon.
// Returns what is wrong, or null.
const char* SplitPort(std::string_view text, std::string_view* host,
                      std::optional<std::string_view>* port) {
  size_t colon = text.find(':');
  *host = text.substr(0, colon);
  if (!text.empty() && text[0] == '[') {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return "the bracket of the IPv6 address is not closed";
    *host = text.substr(1, close - 1);
    colon = close + 1;
    if (colon == text.size()) return nullptr;
    if (text[colon] != ':') return "only a port may follow the IPv6 address";
  } else if (colon != text.rfind(':')) {
    return "an IPv6 address must stand in brackets, as in [::1]:9000";
  }
  if (colon != std::string_view::npos) *port = text.substr(colon + 1);
  return nullptr;
}

// inet_pton() would stop at a NUL and not look at what follows.
bool HoldsNul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

bool IsIpv6(std::string_view host) {
  if (HoldsNul(host)) return false;
  in6_addr address;
  return inet_pton(AF_INET6, std::string(host).c_str(), &address) == 1;
}

const char* HostProblem(std::string_view host, bool bracketed) {
  if (bracketed) return IsIpv6(host) ? nullptr : "this is no IPv6 address";
  if (host.empty()) return "the host is missing";
  return IsHostName(host) ? nullptr : "this is no host name";
}

// Bucket names that make one label (or several, joined by dots) of a host name.
bool IsDnsName(std::string_view bucket) {
  const auto ok = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  };
  return std::all_of(bucket.begin(), bucket.end(), ok) &&
         bucket.find("..") == std::string_view::npos && bucket.front() != '.' &&
         bucket.back() != '.' && bucket.front() != '-' && bucket.back() != '-';
}

}  // namespace

std::optional<uint16_t> ParsePort(std::string_view text) {
  uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [next, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc() || next != end || port == 0) return std::nullopt;
  return port;
}

uint16_t DefaultPort(std::string_view scheme) { return scheme == "http" ? 80 : 443; }

Result<Endpoint> ParseEndpoint(std::string_view text, std::string_view name) {
  Endpoint endpoint;
  std::string_view rest = text;
  if (const size_t mark = text.find("://"); mark != std::string_view::npos) {
    endpoint.scheme = LowerAscii(text.substr(0, mark));
    rest = text.substr(mark + 3);
    if (endpoint.scheme != "http" && endpoint.scheme != "https") {
      return BadEndpoint(text, name, "the scheme must be http or https");
    }
  }
  if (!rest.empty() && rest.back() == '/') rest.remove_suffix(1);
  if (rest.find('@') != std::string_view::npos) {
    return BadEndpoint(text, name, "it must not hold a user name or password");
  }
  if (rest.find_first_of("/?#") != std::string_view::npos) {
    return BadEndpoint(text, name, "it must not hold a path or query");
  }
  std::string_view host;
  std::optional<std::string_view> port;
  if (const char* problem = SplitPort(rest, &host, &port)) return BadEndpoint(text, name, problem);
  endpoint.host = LowerAscii(host);
  if (const char* problem = HostProblem(endpoint.host, rest.substr(0, 1) == "[")) {
    return BadEndpoint(text, name, problem);
  }
  if (port && !(endpoint.port = ParsePort(*port))) {
    return BadEndpoint(text, name, "the port must be a number from 1 to 65535");
  }
  return endpoint;
}

bool IsIpAddress(std::string_view host) {
  if (HoldsNul(host)) return false;
  in_addr address;
  return inet_pton(AF_INET, std::string(host).c_str(), &address) == 1 || IsIpv6(host);
}

std::string AmazonHost(const std::string& region) {
  for (const Partition& partition : kPartitions) {
    if (region.rfind(partition.region_prefix, 0) == 0) {
      return "s3." + region + "." + std::string(partition.suffix);
    }
  }
  return "";  // not reached: the last prefix is empty
}

bool IsAmazonHost(std::string_view host) {
  return std::any_of(kPartitions.begin(), kPartitions.end(), [&](const Partition& partition) {
    return EndsWithDomain(host, partition.suffix);
  });
}

std::string RegionOfAmazonHost(std::string_view host) {
  for (const Partition& partition : kPartitions) {
    if (!EndsWithDomain(host, partition.suffix) || host.size() == partition.suffix.size()) continue;
    std::string_view label = host.substr(0, host.size() - partition.suffix.size() - 1);
    if (EndsWithDomain(label, "vpce")) label.remove_suffix(label.size() > 5 ? 5 : label.size());
    const size_t dot = label.rfind('.');  // what precedes the region: s3, s3.dualstack, s3-fips
    if (dot != std::string_view::npos) label.remove_prefix(dot + 1);
    if (dot == std::string_view::npos && label.substr(0, 3) == "s3-") label.remove_prefix(3);
    // A region's name has dashes and ends in its number: this keeps "s3" and "s3-accelerate" out.
    const bool is_region = label.find('-') != std::string_view::npos && label.back() >= '0' &&
                           label.back() <= '9' && label != "external-1";
    return is_region ? std::string(label) : "";
  }
  return "";
}

bool IsGoogleHost(std::string_view host) { return EndsWithDomain(host, "googleapis.com"); }

bool UsesPathStyle(const Config& config, std::string_view bucket) {
  if (config.path_style) return true;
  if (bucket.empty() || config.addressing == Addressing::kVirtual) return false;
  if (!IsDnsName(bucket)) return true;
  // Amazon's certificate is for *.s3.<region>.amazonaws.com: one label, no dots.
  return config.scheme == "https" && bucket.find('.') != std::string_view::npos;
}

std::string HostInUrl(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

std::string RequestAuthority(const Config& config, const std::string& bucket) {
  std::string authority = HostInUrl(config.host);
  if (!bucket.empty() && !UsesPathStyle(config, bucket)) authority = bucket + "." + authority;
  if (config.port != DefaultPort(config.scheme)) authority += ":" + std::to_string(config.port);
  return authority;
}

std::string RequestPath(const Config& config, const std::string& bucket, std::string_view key) {
  std::string path = "/";
  if (!bucket.empty() && UsesPathStyle(config, bucket)) {
    path += PercentEncode(bucket, false);
    if (!key.empty()) path += "/";
  }
  return path + PercentEncode(key, true);
}

}  // namespace s3native
