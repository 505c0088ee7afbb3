// Properties of ParseProxy and NoProxyCovers.
#include <algorithm>
#include <string>

#include "ascii.h"
#include "endpoint.h"
#include "fuzz.h"
#include "percent_encoding.h"
#include "proxy.h"

namespace s3native::fuzz {
namespace {

std::string Print(const Proxy& proxy) {
  return proxy.scheme + "://" + PercentEncode(proxy.user, false) + ":" +
         PercentEncode(proxy.password, false) + "@" + HostInUrl(proxy.host) + ":" +
         std::to_string(proxy.port);
}

bool Same(const Proxy& a, const Proxy& b) {
  return a.scheme == b.scheme && a.host == b.host && a.port == b.port && a.user == b.user &&
         a.password == b.password;
}

void CheckProxy(std::string_view text) {
  static const std::string kRefused = ParseProxy("ftp://", "proxy").error().message;
  const Result<Proxy> proxy = ParseProxy(text, "proxy");
  if (!proxy.ok()) {
    Require(proxy.error().message == kRefused, "messages quote nothing");
    return;
  }
  Require(proxy.value().port != 0 && !proxy.value().host.empty(), "a proxy has host and port");
  Require(Holds(text, "@") || (proxy.value().user + proxy.value().password).empty(),
          "a user stands before an @");
  const Result<Proxy> again = ParseProxy(Print(proxy.value()), "proxy");
  Require(again.ok() && Same(again.value(), proxy.value()),
          "a proxy printed and parsed is the same");
}

// "HOST:PORT|NO_PROXY|NO_PROXY"
void CheckNoProxy(std::string_view text) {
  const Result<Endpoint> endpoint = ParseEndpoint(TakePiece(&text, '|'), "endpoint");
  if (!endpoint.ok()) return;
  const std::string& host = endpoint.value().host;
  const uint16_t port = endpoint.value().port.value_or(80);
  const std::string list(TakePiece(&text, '|'));
  const std::string other(text);

  const bool covers = NoProxyCovers(list, host, port);
  Require(NoProxyCovers(LowerAscii(list), host, port) == covers, "case does not matter");
  const bool either = covers || NoProxyCovers(other, host, port);
  for (const char* separator : {",", " ", " ,\t"}) {
    Require(NoProxyCovers(list + separator + other, host, port) == either &&
                NoProxyCovers(other + separator + list, host, port) == either,
            "a list covers what its entries cover");
  }
  const std::string own = HostInUrl(host) + ":" + std::to_string(port);
  const std::string another = HostInUrl(host) + ":" + std::to_string(port ^ 1);
  Require(NoProxyCovers("*", host, port) && !NoProxyCovers("", host, port), "* covers everything");
  Require(NoProxyCovers(host, host, port) && NoProxyCovers(own, host, port),
          "a host covers itself");
  Require(!NoProxyCovers(another, host, port), "a port matters");
  if (!IsIpAddress(host)) {
    const std::string below = "www." + host;
    Require(NoProxyCovers(host, below, port) && NoProxyCovers("*." + host, below, port),
            "a domain covers what is below it");
    Require(!NoProxyCovers(host, "www" + host, port), "a name's end is no domain");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = View(data, size);
  CheckProxy(text);
  CheckNoProxy(text);
  return 0;
}

}  // namespace s3native::fuzz
