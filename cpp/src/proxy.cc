#include "proxy.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

#include "ascii.h"
#include "endpoint.h"
#include "percent_encoding.h"

namespace s3native {
namespace {

struct IpAddress {
  std::array<uint8_t, 16> bytes = {};
  unsigned bits = 0;  // 32 or 128
};

std::optional<IpAddress> ParseIp(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return std::nullopt;  // inet_pton() stops there
  const std::string terminated(text);
  IpAddress address;
  if (inet_pton(AF_INET, terminated.c_str(), address.bytes.data()) == 1) {
    address.bits = 32;
  } else if (inet_pton(AF_INET6, terminated.c_str(), address.bytes.data()) == 1) {
    address.bits = 128;
  } else {
    return std::nullopt;
  }
  return address;
}

bool SharePrefix(const IpAddress& a, const IpAddress& b, unsigned bits) {
  const unsigned whole = bits / 8;
  if (std::memcmp(a.bytes.data(), b.bytes.data(), whole) != 0) return false;
  const unsigned left = bits % 8;
  return left == 0 || (a.bytes[whole] ^ b.bytes[whole]) >> (8 - left) == 0;
}

// "10.0.0.0/8" or "fd00::/8".
bool NetworkCovers(std::string_view network, std::string_view host) {
  const size_t slash = network.find('/');
  const auto base = ParseIp(network.substr(0, slash));
  const auto address = ParseIp(host);
  if (!base || !address || base->bits != address->bits) return false;
  const std::string_view length = network.substr(slash + 1);
  const char* end = length.data() + length.size();
  unsigned bits = 0;
  const auto [next, error] = std::from_chars(length.data(), end, bits);
  if (error != std::errc() || next != end || bits > base->bits) return false;
  return SharePrefix(*base, *address, bits);
}

bool EndsWithIgnoringCase(std::string_view text, std::string_view suffix) {
  if (text.size() < suffix.size()) return false;
  text.remove_prefix(text.size() - suffix.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (LowerAscii(text[i]) != LowerAscii(suffix[i])) return false;
  }
  return true;
}

bool DomainCovers(std::string_view domain, std::string_view host) {
  if (domain.substr(0, 1) == "*") domain.remove_prefix(1);
  if (domain.substr(0, 1) == ".") domain.remove_prefix(1);
  if (domain.empty() || !EndsWithIgnoringCase(host, domain)) return false;
  return host.size() == domain.size() || host[host.size() - domain.size() - 1] == '.';
}

// Takes ":PORT" and brackets off `entry`; false when it names another port.
bool PortMatches(std::string_view* entry, uint16_t port) {
  if (ParseIp(*entry)) return true;  // IPv6 without brackets: its colons are its own
  const size_t colon = entry->rfind(':');
  const size_t close = entry->rfind(']');
  const bool has_port =
      colon != std::string_view::npos && (close == std::string_view::npos || colon > close);
  if (has_port && ParsePort(entry->substr(colon + 1)) != port) return false;
  if (has_port) *entry = entry->substr(0, colon);
  if (entry->size() > 1 && entry->front() == '[' && entry->back() == ']') {
    *entry = entry->substr(1, entry->size() - 2);
  }
  return true;
}

bool EntryCovers(std::string_view entry, std::string_view host, uint16_t port) {
  if (entry == "*") return true;
  if (entry.find('/') != std::string_view::npos) return NetworkCovers(entry, host);
  if (!PortMatches(&entry, port)) return false;
  if (const auto address = ParseIp(entry)) {
    const auto other = ParseIp(host);
    return other && other->bits == address->bits && other->bytes == address->bytes;
  }
  return !IsIpAddress(host) && DomainCovers(entry, host);
}

Error BadProxy(std::string_view name, std::string_view reason) {
  return InvalidArgument(std::string(name) + ": " + std::string(reason) +
                         "; expected http://[user:password@]host:port");
}

// A password with a '%' that nobody encoded is meant as it stands.
std::string Decode(std::string_view text) {
  return PercentDecode(text, PlusSign::kLiteral).value_or(std::string(text));
}

// Takes "user:password@" off `text`.
void TakeUser(std::string_view* text, Proxy* proxy) {
  const size_t at = text->rfind('@');
  if (at == std::string_view::npos) return;
  const std::string_view info = text->substr(0, at);
  text->remove_prefix(at + 1);
  const size_t colon = info.find(':');
  proxy->user = Decode(info.substr(0, colon));
  if (colon != std::string_view::npos) {
    proxy->password = Decode(info.substr(colon + 1));
  }
}

}  // namespace

Result<Proxy> ParseProxy(std::string_view text, std::string_view name) {
  Proxy proxy;
  std::string_view rest = text;
  const size_t mark = text.find("://");
  if (mark != std::string_view::npos) rest = text.substr(mark + 3);
  TakeUser(&rest, &proxy);
  const std::string scheme(mark == std::string_view::npos ? "http" : text.substr(0, mark));
  // The rest has an endpoint's form; its messages may quote the text, so they are not handed on.
  Result<Endpoint> endpoint = ParseEndpoint(scheme + "://" + std::string(rest), name);
  if (!endpoint.ok()) return BadProxy(name, "this is no URL of an http or https proxy");
  proxy.scheme = endpoint.value().scheme;
  proxy.host = endpoint.value().host;
  proxy.port = endpoint.value().port.value_or(DefaultPort(proxy.scheme));
  return proxy;
}

bool NoProxyCovers(std::string_view no_proxy, std::string_view host, uint16_t port) {
  constexpr std::string_view kSeparators = ", \t\r\n";
  for (size_t start = no_proxy.find_first_not_of(kSeparators); start != std::string_view::npos;) {
    const size_t end = no_proxy.find_first_of(kSeparators, start);
    if (EntryCovers(no_proxy.substr(start, end - start), host, port)) return true;
    start = no_proxy.find_first_not_of(kSeparators, end);
  }
  return false;
}

}  // namespace s3native
