// The steps that say where requests go.
#include <algorithm>
#include <utility>

#include "config_lookup.h"
#include "config_resolver.h"
#include "endpoint.h"
#include "proxy.h"

namespace s3native {
namespace {

bool IsRegionName(const std::string& region) {
  return !region.empty() && std::all_of(region.begin(), region.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

}  // namespace

Status ConfigResolver::TakeEndpoint() {
  auto found = lookup_.Environment({"S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"});
  if (!found) found = lookup_.S3Service("endpoint_url");
  if (!found) found = lookup_.Profile("endpoint_url");
  std::string text;
  if (Status status = Take("host", options_.endpoint, found, ParseText, &text); !status.ok()) {
    return status;
  }
  const std::string source = config_.sources["host"];
  Endpoint endpoint;
  if (source != "default") {
    Result<Endpoint> parsed = ParseEndpoint(text, options_.endpoint ? "endpoint" : found->name);
    if (!parsed.ok()) return std::move(parsed).error();
    endpoint = std::move(parsed).value();
  }
  config_.host = endpoint.host;  // Amazon's default host needs the region: TakeRegion
  config_.custom_endpoint = !endpoint.host.empty() && !IsAmazonHost(endpoint.host);
  config_.sources["custom_endpoint"] = source;
  if (Status status = TakeScheme(endpoint, source); !status.ok()) return status;
  config_.port = endpoint.port.value_or(DefaultPort(config_.scheme));
  config_.sources["port"] = endpoint.port ? source : config_.sources["scheme"];
  return Ok();
}

Status ConfigResolver::TakeScheme(const Endpoint& endpoint, const std::string& source) {
  bool https = true;
  if (!endpoint.scheme.empty()) {
    https = endpoint.scheme == "https";
    if (options_.use_https && *options_.use_https != https) {
      return InvalidArgument(std::string("use_https=") + (https ? "false" : "true") +
                             " contradicts the endpoint's scheme " + endpoint.scheme +
                             ":// (endpoint from " + source + ")");
    }
    config_.sources["scheme"] = source;
  } else if (Status status = Take("scheme", options_.use_https,
                                  lookup_.Environment({"S3_USE_HTTPS"}), ParseBool, &https);
             !status.ok()) {
    return status;
  }
  config_.scheme = https ? "https" : "http";
  return Ok();
}

Status ConfigResolver::TakeRegion() {
  const auto found =
      FirstOf(lookup_.Environment({"AWS_REGION", "AWS_DEFAULT_REGION"}), lookup_.Profile("region"));
  if (Status status = Take("region", options_.region, found, ParseText, &config_.region);
      !status.ok()) {
    return status;
  }
  // Amazon refuses requests signed for another region than the one its endpoint names.
  const std::string of_host = RegionOfAmazonHost(config_.host);
  if (config_.sources["region"] == "default" && !of_host.empty()) {
    config_.region = of_host;
    config_.sources["region"] = "endpoint";
  }
  if (!IsRegionName(config_.region)) {
    return InvalidArgument((options_.region ? "region" : found->name) +
                           " may hold only letters, digits, '-' and '_', and must not be empty");
  }
  if (config_.host.empty()) config_.host = AmazonHost(config_.region);
  return Ok();
}

Status ConfigResolver::TakeAddressing() {
  const bool is_ip = IsIpAddress(config_.host);
  if (options_.addressing == Addressing::kVirtual && is_ip) {
    return InvalidArgument(
        "addressing \"virtual\" needs an endpoint with a host name, not an IP address");
  }
  if (Status status =
          Take("addressing", options_.addressing, lookup_.Profile("s3", "addressing_style"),
               ParseAddressing, &config_.addressing);
      !status.ok()) {
    return status;
  }
  const bool automatic = config_.addressing == Addressing::kAuto;
  config_.path_style =
      config_.addressing == Addressing::kPath || is_ip || (automatic && config_.custom_endpoint);
  const bool by_endpoint = is_ip || (automatic && config_.custom_endpoint);
  config_.sources["path_style"] = by_endpoint ? "endpoint" : config_.sources["addressing"];
  return Ok();
}

Status ConfigResolver::TakeProxy() {
  // Lower case first, as curl and Python have it.
  const auto found = config_.scheme == "https" ? lookup_.Environment({"https_proxy", "HTTPS_PROXY"})
                                               : lookup_.Environment({"http_proxy", "HTTP_PROXY"});
  std::string text;
  if (Status status = Take("proxy", options_.proxy, found, ParseText, &text); !status.ok())
    return status;
  if (text.empty()) return Ok();
  Result<Proxy> proxy = ParseProxy(text, options_.proxy ? "proxy" : found->name);
  if (!proxy.ok()) return std::move(proxy).error();

  std::string no_proxy, no_proxy_source;
  if (options_.no_proxy) {
    no_proxy = *options_.no_proxy;
    no_proxy_source = "argument";
  } else if (const auto setting = lookup_.Environment({"no_proxy", "NO_PROXY"})) {
    no_proxy = setting->value;
    no_proxy_source = setting->source;
  }
  if (NoProxyCovers(no_proxy, config_.host, config_.port)) {
    config_.sources["proxy"] = no_proxy_source;
  } else {
    config_.proxy = text.find("://") == std::string::npos ? "http://" + text : text;
  }
  return Ok();
}

}  // namespace s3native
