#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "s3native/config.h"
#include "support/config_fixture.h"

namespace s3native {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ConfigNetworkTest : public ConfigTest {};

TEST_F(ConfigNetworkTest, RegionFollowsTheOrder) {
  files_[kConfigFile] = "[default]\nregion = from-profile-1\n";
  EXPECT_EQ(Resolved().region, "from-profile-1");
  EXPECT_EQ(Resolved().sources.at("region"), "profile default");
  environment_["AWS_DEFAULT_REGION"] = "from-default-1";
  EXPECT_EQ(Resolved().region, "from-default-1");
  environment_["AWS_REGION"] = "from-env-1";
  EXPECT_EQ(Resolved().region, "from-env-1");
  EXPECT_EQ(Resolved().sources.at("region"), "environment AWS_REGION");
  EXPECT_EQ(Resolved().host, "s3.from-env-1.amazonaws.com");
  options_.region = "explicit-1";
  EXPECT_EQ(Resolved().region, "explicit-1");
  EXPECT_EQ(Resolved().sources.at("region"), "argument");
}

TEST_F(ConfigNetworkTest, RefusesRegionsThatAreNoNames) {
  options_.region = "";
  EXPECT_THAT(Refused(), HasSubstr("region may hold only letters"));
  options_.region.reset();
  environment_["AWS_REGION"] = "evil.example.com/";
  EXPECT_THAT(Refused(), HasSubstr("environment variable AWS_REGION may hold only letters"));
}

TEST_F(ConfigNetworkTest, AmazonEndpointStaysVirtualHostedAndNamesItsRegion) {
  environment_["S3_ENDPOINT"] = "s3.eu-west-1.amazonaws.com";
  const Config config = Resolved();
  EXPECT_FALSE(config.custom_endpoint);
  EXPECT_FALSE(config.path_style);
  EXPECT_EQ(config.region, "eu-west-1");
  EXPECT_EQ(config.sources.at("region"), "endpoint");
  EXPECT_EQ(RequestAuthority(config, "bucket"), "bucket.s3.eu-west-1.amazonaws.com");
  environment_["AWS_REGION"] = "us-west-2";
  EXPECT_EQ(Resolved().region, "us-west-2");
}

TEST_F(ConfigNetworkTest, CustomEndpointTakesPathStyle) {
  environment_["S3_ENDPOINT"] = "minio.local:9000";
  const Config config = Resolved();
  EXPECT_TRUE(config.custom_endpoint);
  EXPECT_TRUE(config.path_style);
  EXPECT_EQ(config.sources.at("path_style"), "endpoint");
  EXPECT_EQ(config.scheme, "https");
  EXPECT_EQ(config.port, 9000);
  EXPECT_EQ(config.region, "us-east-1");
  EXPECT_EQ(config.sources.at("host"), "environment S3_ENDPOINT");
  EXPECT_EQ(config.sources.at("port"), "environment S3_ENDPOINT");
  EXPECT_EQ(config.sources.at("scheme"), "default");
}

TEST_F(ConfigNetworkTest, EndpointFollowsTheOrder) {
  files_[kConfigFile] =
      "[default]\nendpoint_url = http://profile:1\nservices = local\n[services local]\ns3 =\n"
      "  endpoint_url = http://service:1\n";
  EXPECT_EQ(Resolved().host, "service");
  EXPECT_EQ(Resolved().sources.at("host"), "profile default");
  environment_["AWS_ENDPOINT_URL"] = "http://general:1";
  EXPECT_EQ(Resolved().host, "general");
  environment_["AWS_ENDPOINT_URL_S3"] = "http://specific:1";
  EXPECT_EQ(Resolved().host, "specific");
  environment_["S3_ENDPOINT"] = "http://ours:1";
  EXPECT_EQ(Resolved().host, "ours");
  options_.endpoint = "http://explicit:1";
  EXPECT_EQ(Resolved().host, "explicit");
  EXPECT_EQ(Resolved().sources.at("host"), "argument");
}

TEST_F(ConfigNetworkTest, ProfileEndpointWorksWithoutServices) {
  files_[kConfigFile] = "[default]\nendpoint_url = http://profile:1\nservices = missing\n";
  EXPECT_EQ(Resolved().host, "profile");
}

TEST_F(ConfigNetworkTest, BadEndpointNamesItsSource) {
  environment_["S3_ENDPOINT"] = "host:port";
  EXPECT_THAT(Refused(),
              HasSubstr("environment variable S3_ENDPOINT \"host:port\": the port must be"));
  options_.endpoint = "";
  EXPECT_THAT(Refused(), HasSubstr("endpoint \"\": the host is missing"));
}

TEST_F(ConfigNetworkTest, SchemeOfTheEndpointWinsOverTheVariable) {
  environment_["S3_ENDPOINT"] = "http://h:9000";
  environment_["S3_USE_HTTPS"] = "1";
  EXPECT_EQ(Resolved().scheme, "http");
  EXPECT_EQ(Resolved().sources.at("scheme"), "environment S3_ENDPOINT");
  options_.use_https = false;
  EXPECT_EQ(Resolved().scheme, "http");
  options_.use_https = true;
  EXPECT_EQ(Refused(),
            "use_https=true contradicts the endpoint's scheme http:// (endpoint from environment "
            "S3_ENDPOINT)");
}

TEST_F(ConfigNetworkTest, SchemeComesFromArgumentOrVariableWhenTheEndpointHasNone) {
  environment_["S3_ENDPOINT"] = "h";
  environment_["S3_USE_HTTPS"] = "0";
  EXPECT_EQ(Resolved().scheme, "http");
  EXPECT_EQ(Resolved().port, 80);
  EXPECT_EQ(Resolved().sources.at("scheme"), "environment S3_USE_HTTPS");
  options_.use_https = true;
  EXPECT_EQ(Resolved().scheme, "https");
  EXPECT_EQ(Resolved().port, 443);
}

TEST_F(ConfigNetworkTest, Ipv6Endpoint) {
  options_.endpoint = "http://[::1]:9000";
  const Config config = Resolved();
  EXPECT_EQ(config.host, "::1");
  EXPECT_TRUE(config.path_style);
  EXPECT_EQ(RequestAuthority(config, "bucket"), "[::1]:9000");
  EXPECT_EQ(RequestPath(config, "bucket", "k"), "/bucket/k");
}

TEST_F(ConfigNetworkTest, AddressingIsForced) {
  options_.addressing = Addressing::kPath;
  EXPECT_TRUE(Resolved().path_style);
  EXPECT_EQ(Resolved().sources.at("path_style"), "argument");
  options_.endpoint = "minio.local:9000";
  options_.addressing = Addressing::kVirtual;
  EXPECT_EQ(RequestAuthority(Resolved(), "my.bucket"), "my.bucket.minio.local:9000");
  options_.endpoint = "127.0.0.1:9000";
  EXPECT_THAT(Refused(), HasSubstr("needs an endpoint with a host name"));
}

TEST_F(ConfigNetworkTest, AddressingStyleOfTheProfile) {
  files_[kConfigFile] = "[default]\ns3 =\n  addressing_style = path\n";
  EXPECT_TRUE(Resolved().path_style);
  EXPECT_EQ(Resolved().sources.at("addressing"), "profile default");
  files_[kConfigFile] = "[default]\ns3 =\n  addressing_style = virtual\n";
  options_.endpoint = "minio.local";
  EXPECT_FALSE(Resolved().path_style);
  options_.endpoint = "127.0.0.1";
  EXPECT_TRUE(Resolved().path_style);
  files_[kConfigFile] = "[default]\ns3 =\n  addressing_style = sideways\n";
  EXPECT_THAT(Refused(),
              AllOf(HasSubstr("addressing_style of profile \"default\" in /home/u/.aws/config"),
                    HasSubstr("one of auto, path, virtual"), Not(HasSubstr("sideways"))));
}

TEST_F(ConfigNetworkTest, ProxyFollowsTheScheme) {
  environment_["HTTPS_PROXY"] = "http://tls-proxy:3128";
  environment_["HTTP_PROXY"] = "plain-proxy:3128";
  EXPECT_EQ(Resolved().proxy, "http://tls-proxy:3128");
  EXPECT_EQ(Resolved().sources.at("proxy"), "environment HTTPS_PROXY");
  environment_["https_proxy"] = "http://lower:3128";
  EXPECT_EQ(Resolved().proxy, "http://lower:3128");
  options_.use_https = false;
  EXPECT_EQ(Resolved().proxy, "http://plain-proxy:3128");
  options_.proxy = "http://mine:1";
  EXPECT_EQ(Resolved().proxy, "http://mine:1");
  options_.proxy = "";
  EXPECT_EQ(Resolved().proxy, "");
  EXPECT_EQ(Resolved().sources.at("proxy"), "argument");
}

TEST_F(ConfigNetworkTest, NoProxyExempts) {
  environment_["HTTPS_PROXY"] = "http://p:3128";
  environment_["NO_PROXY"] = "localhost,.amazonaws.com";
  EXPECT_EQ(Resolved().proxy, "");
  EXPECT_EQ(Resolved().sources.at("proxy"), "environment NO_PROXY");
  environment_["no_proxy"] = "localhost";
  EXPECT_EQ(Resolved().proxy, "http://p:3128");
  options_.no_proxy = "*";
  EXPECT_EQ(Resolved().proxy, "");
  options_.no_proxy = "";
  EXPECT_EQ(Resolved().proxy, "http://p:3128");
}

TEST_F(ConfigNetworkTest, BadProxyIsRefusedUnquoted) {
  environment_["HTTPS_PROXY"] = "socks5://u:hunter2@p:1080";
  EXPECT_THAT(Refused(),
              AllOf(HasSubstr("environment variable HTTPS_PROXY"), Not(HasSubstr("hunter2"))));
}

}  // namespace
}  // namespace s3native
