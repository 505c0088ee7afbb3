// Proxies: parsing their URLs and deciding, as NO_PROXY says, which hosts are reached without one.
// Thread-safety: pure functions. Ownership: results by value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "s3native/error.h"

namespace s3native {

struct Proxy {
  std::string scheme = "http";  // or "https": TLS to the proxy itself
  std::string host;             // IPv6 without brackets
  uint16_t port = 80;           // the scheme's default when none was written
  std::string user;             // percent-decoded
  std::string password;
};

// Parses "[scheme://][user[:password]@]host[:port]". Errors start with `name` and never quote the
// text.
Result<Proxy> ParseProxy(std::string_view text, std::string_view name);

// Whether `no_proxy` exempts the host. Its entries are separated by commas or blanks: "*"
// (everything), a domain with or without leading "." or "*." (it and what is below it), an IP
// address, an IP network such as 10.0.0.0/8; domains and addresses may end in ":PORT".
bool NoProxyCovers(std::string_view no_proxy, std::string_view host, uint16_t port);

}  // namespace s3native
