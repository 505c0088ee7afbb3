#include "s3native/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "support/config_fixture.h"

namespace s3native {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(ConfigTest, DefaultsToAmazon) {
  const Config config = Resolved();
  EXPECT_EQ(config.scheme, "https");
  EXPECT_EQ(config.host, "s3.us-east-1.amazonaws.com");
  EXPECT_EQ(config.port, 443);
  EXPECT_FALSE(config.custom_endpoint);
  EXPECT_EQ(config.region, "us-east-1");
  EXPECT_EQ(config.profile, "default");
  EXPECT_EQ(config.config_file, kConfigFile);
  EXPECT_EQ(config.credentials_file, kCredentialsFile);
  EXPECT_EQ(config.credentials_kind, CredentialsKind::kDefaultChain);
  EXPECT_FALSE(config.path_style);
  EXPECT_TRUE(config.verify_ssl);
  EXPECT_EQ(config.proxy, "");
  EXPECT_EQ(config.part_size, 8u << 20);
  EXPECT_EQ(config.max_attempts, 10u);
  EXPECT_EQ(config.request_checksum, ChecksumPolicy::kWhenSupported);
}

TEST_F(ConfigTest, EveryFieldHasASource) {
  const Config config = Resolved();
  const std::set<std::string> fields = {"scheme",
                                        "host",
                                        "port",
                                        "custom_endpoint",
                                        "region",
                                        "profile",
                                        "config_file",
                                        "credentials_file",
                                        "credentials_kind",
                                        "addressing",
                                        "path_style",
                                        "verify_ssl",
                                        "ca_bundle",
                                        "proxy",
                                        "ec2_metadata_disabled",
                                        "part_size",
                                        "throughput_target_gbps",
                                        "max_connections",
                                        "memory_limit",
                                        "pin_memory",
                                        "event_loops",
                                        "connect_timeout_ms",
                                        "first_byte_timeout_s",
                                        "stall_timeout_s",
                                        "total_timeout_s",
                                        "max_attempts",
                                        "retry_mode",
                                        "request_checksum",
                                        "response_checksum"};
  std::set<std::string> named;
  for (const auto& [field, source] : config.sources) {
    named.insert(field);
    EXPECT_EQ(source, "default") << field;
  }
  EXPECT_EQ(named, fields);
}

TEST_F(ConfigTest, EmptyVariablesAreNone) {
  for (const char* name :
       {"AWS_REGION", "S3_ENDPOINT", "S3_USE_HTTPS", "AWS_PROFILE", "AWS_ACCESS_KEY_ID",
        "AWS_MAX_ATTEMPTS", "HTTPS_PROXY", "AWS_CONFIG_FILE"}) {
    environment_[name] = "";
  }
  EXPECT_EQ(Resolved().sources.at("region"), "default");
  EXPECT_EQ(Resolved().config_file, kConfigFile);
}

TEST_F(ConfigTest, CredentialsFromTheEnvironment) {
  environment_["AWS_ACCESS_KEY_ID"] = "AKIA";
  environment_["AWS_SECRET_ACCESS_KEY"] = "secret";
  EXPECT_EQ(Resolved().credentials_kind, CredentialsKind::kStatic);
  EXPECT_EQ(Resolved().credentials.access_key_id, "AKIA");
  EXPECT_EQ(Resolved().credentials.secret_access_key, "secret");
  EXPECT_EQ(Resolved().credentials.session_token, "");
  EXPECT_EQ(Resolved().sources.at("credentials_kind"), "environment AWS_ACCESS_KEY_ID");
  environment_["AWS_SESSION_TOKEN"] = "token";
  EXPECT_EQ(Resolved().credentials.session_token, "token");
}

TEST_F(ConfigTest, HalfAPairOfCredentialsIsRefused) {
  environment_["AWS_ACCESS_KEY_ID"] = "AKIAHIDDEN";
  EXPECT_EQ(Refused(),
            "environment variable AWS_SECRET_ACCESS_KEY is missing while AWS_ACCESS_KEY_ID is set");
  environment_.erase("AWS_ACCESS_KEY_ID");
  environment_["AWS_SECRET_ACCESS_KEY"] = "s";
  EXPECT_EQ(Refused(),
            "environment variable AWS_ACCESS_KEY_ID is missing while AWS_SECRET_ACCESS_KEY is set");
  options_.anonymous = true;
  EXPECT_EQ(Resolved().credentials_kind, CredentialsKind::kAnonymous);
}

TEST_F(ConfigTest, CredentialsWithLineBreaksAreRefusedUnquoted) {
  environment_["AWS_ACCESS_KEY_ID"] = "AKIA";
  environment_["AWS_SECRET_ACCESS_KEY"] = "hunter2\n";
  EXPECT_THAT(Refused(), AllOf(HasSubstr("AWS_SECRET_ACCESS_KEY holds a line break"),
                               Not(HasSubstr("hunter2"))));
  options_.credentials = Credentials{"AKIA", "hunter2", "tok\r", std::nullopt};
  EXPECT_THAT(Refused(),
              AllOf(HasSubstr("credentials hold a line break"), Not(HasSubstr("hunter2"))));
}

TEST_F(ConfigTest, ExplicitCredentialsWinOverTheEnvironment) {
  environment_["AWS_ACCESS_KEY_ID"] = "AKIA";
  environment_["AWS_SECRET_ACCESS_KEY"] = "secret";
  options_.credentials = Credentials{"MINE", "mine", "", 123};
  EXPECT_EQ(Resolved().credentials.access_key_id, "MINE");
  EXPECT_EQ(Resolved().credentials.expiry_unix_s, 123);
  EXPECT_EQ(Resolved().sources.at("credentials_kind"), "argument");
  options_.credentials->secret_access_key = "";
  EXPECT_THAT(Refused(), HasSubstr("both an access key ID and a secret"));
  options_.credentials.reset();
  options_.credentials_callback = [] {
    return Result<Credentials>(Credentials{"A", "B", "", std::nullopt});
  };
  EXPECT_EQ(Resolved().credentials_kind, CredentialsKind::kCallback);
  EXPECT_TRUE(Resolved().credentials_callback);
  options_.anonymous = true;
  EXPECT_THAT(Refused(), HasSubstr("only one of"));
}

TEST_F(ConfigTest, ExplicitProfileWinsOverEnvironmentCredentials) {
  environment_["AWS_ACCESS_KEY_ID"] = "AKIA";  // half a pair does not matter then
  files_[kCredentialsFile] = "[dev]\naws_access_key_id = A\naws_secret_access_key = B\n";
  options_.profile = "dev";
  EXPECT_EQ(Resolved().credentials_kind, CredentialsKind::kProfile);
  EXPECT_EQ(Resolved().profile, "dev");
  EXPECT_EQ(Resolved().sources.at("profile"), "argument");
}

TEST_F(ConfigTest, ProfileOfTheEnvironmentLosesToEnvironmentCredentials) {
  files_[kConfigFile] = "[profile dev]\nregion = dev-1\n";
  environment_["AWS_PROFILE"] = "dev";
  EXPECT_EQ(Resolved().credentials_kind, CredentialsKind::kProfile);
  EXPECT_EQ(Resolved().sources.at("credentials_kind"), "environment AWS_PROFILE");
  EXPECT_EQ(Resolved().region, "dev-1");
  EXPECT_EQ(Resolved().sources.at("region"), "profile dev");
  environment_["AWS_ACCESS_KEY_ID"] = "AKIA";
  environment_["AWS_SECRET_ACCESS_KEY"] = "secret";
  EXPECT_EQ(Resolved().credentials_kind, CredentialsKind::kStatic);
}

TEST_F(ConfigTest, MissingExplicitProfileNamesFilesAndProfile) {
  files_[kConfigFile] = "[dev]\nregion = x-1\n";  // a config file needs "[profile dev]"
  options_.profile = "dev";
  EXPECT_EQ(Refused(),
            "profile \"dev\" (from argument) is neither in /home/u/.aws/config nor in "
            "/home/u/.aws/credentials");
  options_.profile.reset();
  environment_["AWS_PROFILE"] = "other";
  EXPECT_THAT(Refused(), HasSubstr("profile \"other\" (from environment AWS_PROFILE)"));
  options_.profile = "";
  EXPECT_THAT(Refused(), HasSubstr("profile must not be empty"));
}

TEST_F(ConfigTest, CredentialsFileWinsOverConfigFile) {
  files_[kConfigFile] = "[profile dev]\nregion = config-1\nmax_attempts = 3\n";
  files_[kCredentialsFile] = "[dev]\nregion = credentials-1\n";
  options_.profile = "dev";
  EXPECT_EQ(Resolved().region, "credentials-1");
  EXPECT_EQ(Resolved().max_attempts, 3u);
}

TEST_F(ConfigTest, DefaultProfileMayBeWrittenBothWays) {
  files_[kConfigFile] =
      "[default]\nregion = bare-1\nmax_attempts = 3\n[profile default]\nregion = full-1\n";
  EXPECT_EQ(Resolved().region, "full-1");
  EXPECT_EQ(Resolved().max_attempts, 3u);
}

TEST_F(ConfigTest, FilesMoveWithTheirVariables) {
  environment_["AWS_CONFIG_FILE"] = "/etc/aws.conf";
  environment_["AWS_SHARED_CREDENTIALS_FILE"] = "~/cred";
  files_["/etc/aws.conf"] = "[default]\nregion = moved-1\n";
  EXPECT_EQ(Resolved().region, "moved-1");
  EXPECT_EQ(Resolved().config_file, "/etc/aws.conf");
  EXPECT_EQ(Resolved().credentials_file, "/home/u/cred");
  EXPECT_EQ(Resolved().sources.at("config_file"), "environment AWS_CONFIG_FILE");
}

TEST_F(ConfigTest, BrokenProfileFileNamesFileAndLineAndQuotesNothing) {
  files_[kCredentialsFile] = "[default]\naws_secret_access_key hunter2\n";
  EXPECT_EQ(Refused(), "/home/u/.aws/credentials, line 2: expected NAME = VALUE");
}

TEST(ResolveConfig, WorksWithoutAnyInputs) {
  const Result<Config> config = ResolveConfig({}, {});
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config.value().config_file, "~/.aws/config");
}

}  // namespace
}  // namespace s3native
