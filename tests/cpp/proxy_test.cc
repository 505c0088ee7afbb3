#include "proxy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace s3native {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Proxy Parse(const std::string& text) {
  Result<Proxy> proxy = ParseProxy(text, "proxy");
  EXPECT_TRUE(proxy.ok()) << text << ": " << proxy.error().message;
  return proxy.ok() ? std::move(proxy).value() : Proxy();
}

TEST(ParseProxy, ReadsUrls) {
  const Proxy proxy = Parse("http://user:p%40ss%3A1@proxy.example.com:3128/");
  EXPECT_EQ(proxy.scheme, "http");
  EXPECT_EQ(proxy.host, "proxy.example.com");
  EXPECT_EQ(proxy.port, 3128);
  EXPECT_EQ(proxy.user, "user");
  EXPECT_EQ(proxy.password, "p@ss:1");
}

TEST(ParseProxy, FillsInSchemeAndPort) {
  EXPECT_EQ(Parse("proxy:3128").scheme, "http");
  EXPECT_EQ(Parse("proxy:3128").port, 3128);
  EXPECT_EQ(Parse("http://proxy").port, 80);
  EXPECT_EQ(Parse("https://proxy").port, 443);
  EXPECT_EQ(Parse("user@proxy").user, "user");
  EXPECT_EQ(Parse("user@proxy").password, "");
  EXPECT_EQ(Parse("http://[::1]:3128").host, "::1");
}

TEST(ParseProxy, TakesAPasswordThatNobodyEncoded) {
  EXPECT_EQ(Parse("http://u:a@b@host:1").password, "a@b");
  EXPECT_EQ(Parse("http://u:a@b@host:1").host, "host");
  EXPECT_EQ(Parse("http://u:50%x@host").password, "50%x");
}

TEST(ParseProxy, RefusesWithoutQuoting) {
  for (const char* text : {"socks5://hunter2:1080", "http://u:hunter2@", "http://u:hunter2@host:0",
                           "http://host/hunter2", "http://:hunter2"}) {
    const Result<Proxy> proxy = ParseProxy(text, "environment variable HTTPS_PROXY");
    ASSERT_FALSE(proxy.ok()) << text;
    EXPECT_EQ(proxy.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(proxy.error().message, HasSubstr("environment variable HTTPS_PROXY: "));
    EXPECT_THAT(proxy.error().message, Not(HasSubstr("hunter2")));
  }
}

TEST(NoProxyCovers, MatchesDomainsOnLabelBoundaries) {
  for (const char* entry : {"example.com", ".example.com", "*.example.com", "EXAMPLE.com"}) {
    EXPECT_TRUE(NoProxyCovers(entry, "example.com", 443)) << entry;
    EXPECT_TRUE(NoProxyCovers(entry, "s3.example.com", 443)) << entry;
    EXPECT_FALSE(NoProxyCovers(entry, "notexample.com", 443)) << entry;
    EXPECT_FALSE(NoProxyCovers(entry, "example.com.org", 443)) << entry;
  }
  EXPECT_FALSE(NoProxyCovers("s3.example.com", "example.com", 443));
}

TEST(NoProxyCovers, TakesListsAndTheStar) {
  EXPECT_TRUE(NoProxyCovers("a.com, b.com", "b.com", 80));
  EXPECT_TRUE(NoProxyCovers("a.com b.com", "b.com", 80));
  EXPECT_TRUE(NoProxyCovers(" ,,b.com,", "b.com", 80));
  EXPECT_TRUE(NoProxyCovers("*", "anything", 80));
  EXPECT_TRUE(NoProxyCovers("x,*", "10.0.0.1", 80));
  for (const char* nothing : {"", " ", ",", ".", "*."})
    EXPECT_FALSE(NoProxyCovers(nothing, "b.com", 80)) << nothing;
}

TEST(NoProxyCovers, ComparesPorts) {
  EXPECT_TRUE(NoProxyCovers("minio:9000", "minio", 9000));
  EXPECT_FALSE(NoProxyCovers("minio:9000", "minio", 9001));
  EXPECT_FALSE(NoProxyCovers("minio:x", "minio", 9000));
  EXPECT_TRUE(NoProxyCovers("127.0.0.1:9000", "127.0.0.1", 9000));
  EXPECT_TRUE(NoProxyCovers("[::1]:9000", "::1", 9000));
  EXPECT_FALSE(NoProxyCovers("[::1]:9000", "::1", 9001));
}

TEST(NoProxyCovers, ComparesAddressesNotText) {
  EXPECT_TRUE(NoProxyCovers("127.0.0.1", "127.0.0.1", 80));
  EXPECT_FALSE(NoProxyCovers("0.0.1", "127.0.0.1", 80));
  EXPECT_TRUE(NoProxyCovers("[::1]", "::1", 80));
  EXPECT_TRUE(NoProxyCovers("0:0:0:0:0:0:0:1", "::1", 80));
  EXPECT_FALSE(NoProxyCovers("::2", "::1", 80));
}

TEST(NoProxyCovers, ReadsAddressesToTheirEnd) {
  using namespace std::string_literals;
  EXPECT_FALSE(NoProxyCovers("10.0.0.1\0junk"s, "10.0.0.1", 80));
}

TEST(NoProxyCovers, TakesNetworks) {
  EXPECT_TRUE(NoProxyCovers("10.0.0.0/8", "10.200.3.4", 80));
  EXPECT_FALSE(NoProxyCovers("10.0.0.0/8", "11.0.0.1", 80));
  EXPECT_TRUE(NoProxyCovers("192.168.128.0/17", "192.168.200.1", 80));
  EXPECT_FALSE(NoProxyCovers("192.168.128.0/17", "192.168.1.1", 80));
  EXPECT_TRUE(NoProxyCovers("0.0.0.0/0", "1.2.3.4", 80));
  EXPECT_TRUE(NoProxyCovers("fd00::/8", "fdab::1", 80));
  EXPECT_TRUE(NoProxyCovers("1.2.3.4/32", "1.2.3.4", 80));
  for (const char* network :
       {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "host/8", "fd00::/8", "/8"}) {
    EXPECT_FALSE(NoProxyCovers(network, "10.0.0.1", 80)) << network;
  }
}

}  // namespace
}  // namespace s3native
