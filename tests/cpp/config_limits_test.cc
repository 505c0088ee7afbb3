#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <map>
#include <string>

#include "s3native/config.h"
#include "support/config_fixture.h"

namespace s3native {
namespace {

using ::testing::HasSubstr;

class ConfigLimitsTest : public ConfigTest {};

TEST_F(ConfigLimitsTest, GoogleStorageTakesPathStyleAndNoChecksums) {
  options_.endpoint = "https://storage.googleapis.com";
  EXPECT_TRUE(Resolved().custom_endpoint);
  EXPECT_TRUE(Resolved().path_style);
  EXPECT_EQ(Resolved().request_checksum, ChecksumPolicy::kWhenRequired);
  EXPECT_EQ(Resolved().response_checksum, ChecksumPolicy::kWhenRequired);
  EXPECT_EQ(Resolved().sources.at("request_checksum"), "endpoint");
  options_.request_checksum = ChecksumPolicy::kWhenSupported;
  EXPECT_EQ(Resolved().request_checksum, ChecksumPolicy::kWhenSupported);
  EXPECT_EQ(Resolved().sources.at("request_checksum"), "argument");
}

TEST_F(ConfigLimitsTest, WordsThatDoNotParseNameTheirVariable) {
  const std::map<std::string, std::string> bad = {{"S3_USE_HTTPS", "maybe"},
                                                  {"S3_VERIFY_SSL", "2"},
                                                  {"AWS_MAX_ATTEMPTS", "0"},
                                                  {"AWS_RETRY_MODE", "hard"},
                                                  {"AWS_EC2_METADATA_DISABLED", "?"},
                                                  {"AWS_REQUEST_CHECKSUM_CALCULATION", "never"},
                                                  {"AWS_RESPONSE_CHECKSUM_VALIDATION", "always"}};
  for (const auto& [name, value] : bad) {
    environment_[name] = value;
    EXPECT_THAT(Refused(), HasSubstr("environment variable " + name + " must be")) << name;
    environment_.erase(name);
  }
  for (const char* number : {"-1", "+3", "3.0", "3 ", "4294967296", "x"}) {
    environment_["AWS_MAX_ATTEMPTS"] = number;
    EXPECT_THAT(Refused(), HasSubstr("whole number from 1 to")) << number;
  }
}

TEST_F(ConfigLimitsTest, BooleansTakeTheUsualWords) {
  for (const char* yes : {"1", "true", "TRUE", "Yes", "on"}) {
    environment_["S3_VERIFY_SSL"] = yes;
    EXPECT_TRUE(Resolved().verify_ssl) << yes;
  }
  for (const char* no : {"0", "false", "False", "no", "OFF"}) {
    environment_["S3_VERIFY_SSL"] = no;
    EXPECT_FALSE(Resolved().verify_ssl) << no;
  }
}

TEST_F(ConfigLimitsTest, RetriesTlsAndChecksumsFollowTheOrder) {
  files_[kConfigFile] =
      "[default]\nmax_attempts = 3\nretry_mode = adaptive\nca_bundle = /ca.pem\n"
      "request_checksum_calculation = when_required\nresponse_checksum_validation = "
      "WHEN_REQUIRED\n";
  Config config = Resolved();
  EXPECT_EQ(config.max_attempts, 3u);
  EXPECT_EQ(config.retry_mode, RetryMode::kAdaptive);
  EXPECT_EQ(config.ca_bundle, "/ca.pem");
  EXPECT_EQ(config.request_checksum, ChecksumPolicy::kWhenRequired);
  EXPECT_EQ(config.response_checksum, ChecksumPolicy::kWhenRequired);

  environment_ = {{"HOME", "/home/u"},
                  {"AWS_MAX_ATTEMPTS", "4"},
                  {"AWS_RETRY_MODE", "legacy"},
                  {"AWS_CA_BUNDLE", "/env.pem"},
                  {"AWS_REQUEST_CHECKSUM_CALCULATION", "WHEN_SUPPORTED"},
                  {"AWS_EC2_METADATA_DISABLED", "true"}};
  config = Resolved();
  EXPECT_EQ(config.max_attempts, 4u);
  EXPECT_EQ(config.retry_mode, RetryMode::kLegacy);
  EXPECT_EQ(config.ca_bundle, "/env.pem");
  EXPECT_EQ(config.request_checksum, ChecksumPolicy::kWhenSupported);
  EXPECT_TRUE(config.ec2_metadata_disabled);

  options_.max_attempts = 1;
  options_.retry_mode = RetryMode::kStandard;
  options_.ca_bundle = "";
  EXPECT_EQ(Resolved().max_attempts, 1u);
  EXPECT_EQ(Resolved().retry_mode, RetryMode::kStandard);
  EXPECT_EQ(Resolved().ca_bundle, "");
  EXPECT_EQ(Resolved().sources.at("ca_bundle"), "argument");
}

TEST_F(ConfigLimitsTest, MemoryLimitIsAQuarterWithinBounds) {
  EXPECT_EQ(Resolved().memory_limit, 2ull << 30);
  memory_ = 512ull << 20;
  EXPECT_EQ(Resolved().memory_limit, 256ull << 20);
  memory_ = 0;
  EXPECT_EQ(Resolved().memory_limit, 256ull << 20);
  memory_ = 1ull << 40;
  EXPECT_EQ(Resolved().memory_limit, 4ull << 30);
  options_.memory_limit = 1;
  EXPECT_EQ(Resolved().memory_limit, 1u);
  EXPECT_EQ(Resolved().sources.at("memory_limit"), "argument");
}

TEST_F(ConfigLimitsTest, EventLoopsTakeHalfTheCoresWithinBounds) {
  for (const auto& [cores, loops] :
       std::map<uint32_t, int>{{0, 1}, {1, 1}, {2, 2}, {3, 2}, {8, 4}, {192, 18}}) {
    cores_ = cores;
    EXPECT_EQ(Resolved().event_loops, loops) << cores;
  }
  options_.event_loops = 64;
  EXPECT_EQ(Resolved().event_loops, 64);
}

TEST_F(ConfigLimitsTest, NumbersOutOfRangeNameTheirArgument) {
  options_.part_size = 0;
  EXPECT_THAT(Refused(), HasSubstr("part_size"));
  options_.part_size = (5ull << 30) + 1;
  EXPECT_THAT(Refused(), HasSubstr("part_size"));
  options_ = {};
  for (double gbps : {0.0, -1.0, std::numeric_limits<double>::infinity(),
                      std::numeric_limits<double>::quiet_NaN()}) {
    options_.throughput_target_gbps = gbps;
    EXPECT_THAT(Refused(), HasSubstr("throughput_target_gbps"));
  }
  options_ = {};
  options_.max_attempts = 0;
  EXPECT_THAT(Refused(), HasSubstr("max_attempts"));
  options_ = {};
  options_.memory_limit = 0;
  EXPECT_THAT(Refused(), HasSubstr("memory_limit"));
  options_ = {};
  options_.connect_timeout_ms = 0;
  EXPECT_THAT(Refused(), HasSubstr("connect_timeout_ms"));
}

TEST_F(ConfigLimitsTest, TheTimeToTheFirstByteIsBoundAsStallsAreUnlessTold) {
  EXPECT_EQ(Resolved().first_byte_timeout_s, 30u);
  options_.stall_timeout_s = 5;
  EXPECT_EQ(Resolved().first_byte_timeout_s, 5u);
  options_.first_byte_timeout_s = 60;
  const Config config = Resolved();
  EXPECT_EQ(config.first_byte_timeout_s, 60u);
  EXPECT_EQ(config.stall_timeout_s, 5u);
}

TEST_F(ConfigLimitsTest, ArgumentsOfSizeArriveWithTheirSource) {
  options_.part_size = 16u << 20;
  options_.max_connections = 7;
  options_.stall_timeout_s = 0;
  options_.total_timeout_s = 60;
  const Config config = Resolved();
  EXPECT_EQ(config.part_size, 16u << 20);
  EXPECT_EQ(config.max_connections, 7u);
  EXPECT_EQ(config.stall_timeout_s, 0u);
  EXPECT_EQ(config.total_timeout_s, 60u);
  EXPECT_EQ(config.sources.at("total_timeout_s"), "argument");
}

TEST(SystemConfigInputs, SeesThisMachine) {
  const ConfigInputs inputs = SystemConfigInputs();
  EXPECT_GT(inputs.machine_memory, 1u << 20);
  EXPECT_GE(inputs.cores, 1u);
  EXPECT_TRUE(inputs.getenv("PATH"));
  EXPECT_FALSE(inputs.getenv("S3NATIVE_SURELY_NOT_SET"));
  EXPECT_TRUE(inputs.read_file("/proc/self/status"));
  EXPECT_FALSE(inputs.read_file("/surely/not/there"));
  EXPECT_FALSE(inputs.read_file("/"));
}

}  // namespace
}  // namespace s3native
