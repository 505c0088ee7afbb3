#include "endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace s3native {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

Endpoint Parse(const std::string& text) {
  Result<Endpoint> endpoint = ParseEndpoint(text, "endpoint");
  EXPECT_TRUE(endpoint.ok()) << text << ": " << endpoint.error().message;
  return endpoint.ok() ? std::move(endpoint).value() : Endpoint();
}

std::string ErrorOf(const std::string& text) {
  const Result<Endpoint> endpoint = ParseEndpoint(text, "environment variable S3_ENDPOINT");
  if (endpoint.ok()) return "accepted";
  EXPECT_EQ(endpoint.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(endpoint.error().message, StartsWith("environment variable S3_ENDPOINT"));
  return endpoint.error().message;
}

Config MakeConfig(const std::string& scheme, const std::string& host, uint16_t port,
                  bool path_style) {
  Config config;
  config.scheme = scheme;
  config.host = host;
  config.port = port;
  config.path_style = path_style;
  return config;
}

TEST(ParseEndpoint, ReadsHostAndPortWithAndWithoutScheme) {
  EXPECT_EQ(Parse("localhost:9000").scheme, "");
  EXPECT_EQ(Parse("localhost:9000").host, "localhost");
  EXPECT_EQ(Parse("localhost:9000").port, 9000);
  EXPECT_EQ(Parse("http://127.0.0.1:9000").scheme, "http");
  EXPECT_EQ(Parse("http://127.0.0.1:9000").host, "127.0.0.1");
  EXPECT_EQ(Parse("HTTPS://S3.Example.COM").scheme, "https");
  EXPECT_EQ(Parse("HTTPS://S3.Example.COM").host, "s3.example.com");
  EXPECT_FALSE(Parse("https://s3.example.com").port);
  EXPECT_EQ(Parse("https://s3.example.com/").host, "s3.example.com");
  EXPECT_EQ(Parse("minio").host, "minio");
  EXPECT_EQ(Parse("my_minio_1:65535").port, 65535);
  EXPECT_EQ(Parse("s3.example.com.").host, "s3.example.com.");
}

TEST(ParseEndpoint, ReadsIpv6InBrackets) {
  EXPECT_EQ(Parse("[::1]:9000").host, "::1");
  EXPECT_EQ(Parse("[::1]:9000").port, 9000);
  EXPECT_EQ(Parse("[FD00::1]").host, "fd00::1");
  EXPECT_FALSE(Parse("http://[fd00::1]/").port);
}

TEST(ParseEndpoint, RefusesWhatIsNoEndpoint) {
  EXPECT_EQ(ErrorOf(""),
            "environment variable S3_ENDPOINT \"\": the host is missing; expected HOST:PORT or "
            "http(s)://HOST:PORT");
  EXPECT_THAT(ErrorOf("http://"), HasSubstr("the host is missing"));
  EXPECT_THAT(ErrorOf(":9000"), HasSubstr("the host is missing"));
  EXPECT_THAT(ErrorOf("ftp://host"), HasSubstr("the scheme must be http or https"));
  EXPECT_THAT(ErrorOf("s3://bucket"), HasSubstr("the scheme must be http or https"));
  EXPECT_THAT(ErrorOf("http://host/path"), HasSubstr("it must not hold a path or query"));
  EXPECT_THAT(ErrorOf("host//"), HasSubstr("it must not hold a path or query"));
  EXPECT_THAT(ErrorOf("::1"), HasSubstr("must stand in brackets"));
  EXPECT_THAT(ErrorOf("[::1"), HasSubstr("not closed"));
  EXPECT_THAT(ErrorOf("[::1]9000"), HasSubstr("only a port may follow"));
  EXPECT_THAT(ErrorOf("[]:9000"), HasSubstr("this is no IPv6 address"));
  EXPECT_THAT(ErrorOf("[1.2.3.4]:9000"), HasSubstr("this is no IPv6 address"));
  for (const char* port : {"", "0", "65536", "99999999999", "-1", "+1", "9000x", " 9000"}) {
    EXPECT_THAT(ErrorOf(std::string("host:") + port), HasSubstr("a number from 1 to 65535"))
        << port;
  }
  for (const char* host : {"a b", "a..b", ".a", "-a", "hö", "a,b", "a\nb"}) {
    EXPECT_THAT(ErrorOf(host), HasSubstr("this is no host name")) << host;
  }
  EXPECT_THAT(ErrorOf(std::string(254, 'a')), HasSubstr("this is no host name"));
}

TEST(ParseEndpoint, QuotesNoSecrets) {
  EXPECT_THAT(ErrorOf("http://user:hunter2@host"),
              HasSubstr("must not hold a user name or password"));
  for (const char* text :
       {"http://user:hunter2@host", "ftp://u:hunter2@h", "http://host/?token=hunter2"}) {
    EXPECT_THAT(ErrorOf(text), Not(HasSubstr("hunter2")));
  }
}

TEST(ParseEndpoint, QuotesNoControlBytes) {
  const Result<Endpoint> endpoint = ParseEndpoint("host\nname", "endpoint=");
  ASSERT_FALSE(endpoint.ok());
  EXPECT_THAT(endpoint.error().message, Not(HasSubstr("\n")));
}

TEST(ParseEndpoint, ReadsAddressesToTheirEnd) {
  using namespace std::string_literals;
  EXPECT_FALSE(ParseEndpoint("[::1\0junk]:9000"s, "endpoint=").ok());
  EXPECT_FALSE(IsIpAddress("127.0.0.1\0junk"s));
}

TEST(IsIpAddress, TellsAddressesFromNames) {
  for (const char* ip : {"127.0.0.1", "::1", "fd00::1"}) EXPECT_TRUE(IsIpAddress(ip)) << ip;
  for (const char* name : {"localhost", "1.2.3", "256.1.1.1", "", "1.2.3.4.example.com"})
    EXPECT_FALSE(IsIpAddress(name)) << name;
}

TEST(AmazonHost, FollowsThePartition) {
  EXPECT_EQ(AmazonHost("us-east-1"), "s3.us-east-1.amazonaws.com");
  EXPECT_EQ(AmazonHost("us-gov-west-1"), "s3.us-gov-west-1.amazonaws.com");
  EXPECT_EQ(AmazonHost("cn-north-1"), "s3.cn-north-1.amazonaws.com.cn");
  EXPECT_EQ(AmazonHost("eusc-de-east-1"), "s3.eusc-de-east-1.amazonaws.eu");
  EXPECT_EQ(AmazonHost("us-iso-east-1"), "s3.us-iso-east-1.c2s.ic.gov");
}

TEST(IsAmazonHost, ComparesWholeLabels) {
  for (const char* host :
       {"s3.amazonaws.com", "s3.us-east-1.amazonaws.com", "s3.cn-north-1.amazonaws.com.cn",
        "bucket.vpce-1a2b.s3.us-east-1.vpce.amazonaws.com"}) {
    EXPECT_TRUE(IsAmazonHost(host)) << host;
  }
  for (const char* host :
       {"notamazonaws.com", "amazonaws.com.example.org", "storage.googleapis.com", "localhost"}) {
    EXPECT_FALSE(IsAmazonHost(host)) << host;
  }
}

TEST(RegionOfAmazonHost, FindsTheRegion) {
  EXPECT_EQ(RegionOfAmazonHost("s3.us-east-1.amazonaws.com"), "us-east-1");
  EXPECT_EQ(RegionOfAmazonHost("s3-us-west-2.amazonaws.com"), "us-west-2");
  EXPECT_EQ(RegionOfAmazonHost("s3.dualstack.eu-west-1.amazonaws.com"), "eu-west-1");
  EXPECT_EQ(RegionOfAmazonHost("s3-fips.us-gov-west-1.amazonaws.com"), "us-gov-west-1");
  EXPECT_EQ(RegionOfAmazonHost("s3.cn-north-1.amazonaws.com.cn"), "cn-north-1");
  EXPECT_EQ(RegionOfAmazonHost("bucket.vpce-1a.s3.us-east-1.vpce.amazonaws.com"), "us-east-1");
  for (const char* host :
       {"s3.amazonaws.com", "s3-accelerate.amazonaws.com", "s3-external-1.amazonaws.com",
        "amazonaws.com", "vpce.amazonaws.com", "s3.us-east-1.example.com", ""}) {
    EXPECT_EQ(RegionOfAmazonHost(host), "") << host;
  }
}

TEST(RequestAuthority, LeavesOutTheDefaultPort) {
  EXPECT_EQ(RequestAuthority(MakeConfig("https", "h", 443, true), "bucket"), "h");
  EXPECT_EQ(RequestAuthority(MakeConfig("http", "h", 80, true), "bucket"), "h");
  EXPECT_EQ(RequestAuthority(MakeConfig("http", "h", 443, true), "bucket"), "h:443");
  EXPECT_EQ(RequestAuthority(MakeConfig("https", "h", 9000, true), ""), "h:9000");
  EXPECT_EQ(RequestAuthority(MakeConfig("http", "::1", 9000, true), "bucket"), "[::1]:9000");
  EXPECT_EQ(RequestAuthority(MakeConfig("http", "::1", 80, true), ""), "[::1]");
}

TEST(RequestAuthority, CarriesTheBucketInVirtualHostedStyle) {
  const Config config = MakeConfig("https", "s3.us-east-1.amazonaws.com", 443, false);
  EXPECT_EQ(RequestAuthority(config, "bucket"), "bucket.s3.us-east-1.amazonaws.com");
  EXPECT_EQ(RequestPath(config, "bucket", "a/b"), "/a/b");
  EXPECT_EQ(RequestAuthority(config, ""), "s3.us-east-1.amazonaws.com");
  EXPECT_EQ(RequestPath(config, "bucket", ""), "/");
  EXPECT_EQ(RequestPath(config, "", ""), "/");
}

TEST(RequestAuthority, TakesPathStyleForDottedBucketsUnderTlsOnly) {
  Config config = MakeConfig("https", "s3.us-east-1.amazonaws.com", 443, false);
  EXPECT_EQ(RequestAuthority(config, "my.bucket"), "s3.us-east-1.amazonaws.com");
  EXPECT_EQ(RequestPath(config, "my.bucket", "k"), "/my.bucket/k");
  config.scheme = "http";
  config.port = 80;
  EXPECT_EQ(RequestAuthority(config, "my.bucket"), "my.bucket.s3.us-east-1.amazonaws.com");
}

TEST(RequestAuthority, TakesPathStyleForNamesThatAreNoHostNames) {
  Config config = MakeConfig("https", "s3.us-east-1.amazonaws.com", 443, false);
  for (const std::string bucket : {"Legacy", "under_score", "-dash", "dash-", "a..b"}) {
    EXPECT_EQ(RequestAuthority(config, bucket), "s3.us-east-1.amazonaws.com") << bucket;
    EXPECT_EQ(RequestPath(config, bucket, "k"), "/" + bucket + "/k");
  }
}

TEST(RequestAuthority, ObeysForcedVirtualHostedStyle) {
  Config config = MakeConfig("https", "minio.local", 9000, false);
  config.addressing = Addressing::kVirtual;
  EXPECT_EQ(RequestAuthority(config, "my.bucket"), "my.bucket.minio.local:9000");
  EXPECT_EQ(RequestPath(config, "my.bucket", "k"), "/k");
}

TEST(RequestPath, EncodesKeysLiterally) {
  const Config config = MakeConfig("http", "h", 80, true);
  EXPECT_EQ(RequestPath(config, "bucket", ""), "/bucket");
  EXPECT_EQ(RequestPath(config, "bucket", "/lead"), "/bucket//lead");
  EXPECT_EQ(RequestPath(config, "bucket", "a//b/"), "/bucket/a//b/");
  EXPECT_EQ(RequestPath(config, "bucket", "q?x=1#f"), "/bucket/q%3Fx%3D1%23f");
  EXPECT_EQ(RequestPath(config, "bucket", "100%+ ä"), "/bucket/100%25%2B%20%C3%A4");
}

}  // namespace
}  // namespace s3native
