// Properties of ParseEndpoint and of what is told from a host's name.
#include <algorithm>
#include <optional>
#include <string>

#include "ascii.h"
#include "endpoint.h"
#include "fuzz.h"

namespace s3native::fuzz {
namespace {

std::string Print(const Endpoint& endpoint) {
  std::string text = endpoint.scheme.empty() ? "" : endpoint.scheme + "://";
  text += HostInUrl(endpoint.host);
  if (endpoint.port) text += ":" + std::to_string(*endpoint.port);
  return text;
}

void CheckParsed(const Endpoint& endpoint) {
  Require(endpoint.scheme.empty() || endpoint.scheme == "http" || endpoint.scheme == "https",
          "a scheme is known");
  Require(!endpoint.host.empty() && endpoint.host.size() <= 253, "a host has a name's size");
  Require(endpoint.host == LowerAscii(endpoint.host), "a host is in lower case");
  Require(endpoint.host.find_first_of("/?#@[] \r\n\t") == std::string::npos,
          "a host is nothing but a host");
  Require(std::none_of(endpoint.host.begin(), endpoint.host.end(), IsControlByte),
          "a host holds no control bytes");
  Require(endpoint.port != 0, "a port is not 0");
  const bool ipv6 = Holds(endpoint.host, ":");
  Require(!ipv6 || IsIpAddress(endpoint.host), "only an IPv6 address has colons");
  const Result<Endpoint> again = ParseEndpoint(Print(endpoint), "endpoint");
  Require(again.ok() && again.value().scheme == endpoint.scheme &&
              again.value().host == endpoint.host && again.value().port == endpoint.port,
          "an endpoint printed and parsed is the same");
}

void CheckAuthority(const Endpoint& endpoint) {
  Config config;
  config.scheme = endpoint.scheme.empty() ? "https" : endpoint.scheme;
  config.host = endpoint.host;
  config.port = endpoint.port.value_or(DefaultPort(config.scheme));
  const Result<Endpoint> authority = ParseEndpoint(RequestAuthority(config, ""), "authority");
  Require(authority.ok() && authority.value().host == endpoint.host &&
              authority.value().port.value_or(DefaultPort(config.scheme)) == config.port,
          "a request's authority is the endpoint");
}

void CheckSecret(std::string_view text) {
  const Result<Endpoint> endpoint = ParseEndpoint("http://u:hunter2@" + std::string(text), "e");
  Require(!endpoint.ok() && !Holds(endpoint.error().message, "hunter2"),
          "messages hold no password");
}

void CheckPort(std::string_view text) {
  const std::optional<uint16_t> port = ParsePort(text);
  if (!port) return;
  text.remove_prefix(std::min(text.find_first_not_of('0'), text.size()));
  Require(text == std::to_string(*port), "a port does not wrap");
}

void CheckHost(const std::string& host) {
  const std::string region = RegionOfAmazonHost(host);
  Require(region.empty() || (IsAmazonHost(host) && Holds(host, region)), "a region is in the host");
  IsGoogleHost(host);
  Require(!IsIpAddress(host) || Holds("0123456789abcdefABCDEF:.", host.substr(host.size() - 1)),
          "an IP address is an address to its end");
}

void CheckRegion(std::string_view text) {
  std::string region = "xx-";
  for (const char c : text.substr(0, 60)) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-') region += c;
  }
  region += "-1";
  for (const char* partition : {"", "cn-", "us-iso-", "us-isob-", "eusc-"}) {
    const std::string host = AmazonHost(partition + region);
    Require(IsAmazonHost(host), "Amazon's host is Amazon's");
    Require(RegionOfAmazonHost(host) == partition + region, "a region's host says the region");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = View(data, size);
  const Result<Endpoint> endpoint = ParseEndpoint(text, "endpoint");
  if (endpoint.ok()) {
    CheckParsed(endpoint.value());
    CheckAuthority(endpoint.value());
  } else {
    const std::string& message = endpoint.error().message;
    Require(message.starts_with("endpoint"), "messages name the argument");
    Require(std::none_of(message.begin(), message.end(), IsControlByte),
            "messages hold no control bytes");
  }
  CheckSecret(text);
  CheckPort(text);
  CheckHost(std::string(text));
  CheckRegion(text);
  return 0;
}

}  // namespace s3native::fuzz
