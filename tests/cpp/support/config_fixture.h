// A process of a test's own making for ResolveConfig: environment, files and arguments start empty.
// Thread-safety: none. Ownership: everything by value.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "s3native/config.h"

namespace s3native {

class ConfigTest : public testing::Test {
 protected:
  ConfigTest() { environment_["HOME"] = "/home/u"; }

  Result<Config> Resolve() {
    ConfigInputs inputs;
    inputs.getenv = [this](const std::string& name) { return Find(environment_, name); };
    inputs.read_file = [this](const std::string& path) { return Find(files_, path); };
    inputs.machine_memory = memory_;
    inputs.cores = cores_;
    return ResolveConfig(options_, inputs);
  }

  Config Resolved() {
    Result<Config> config = Resolve();
    EXPECT_TRUE(config.ok()) << config.error().message;
    return config.ok() ? std::move(config).value() : Config();
  }

  std::string Refused() {
    const Result<Config> config = Resolve();
    if (config.ok()) return "accepted";
    EXPECT_EQ(config.error().code, ErrorCode::kInvalidArgument);
    return config.error().message;
  }

  static std::optional<std::string> Find(const std::map<std::string, std::string>& map,
                                         const std::string& key) {
    const auto found = map.find(key);
    return found == map.end() ? std::nullopt : std::optional<std::string>(found->second);
  }

  ConfigOptions options_;
  std::map<std::string, std::string> environment_;
  std::map<std::string, std::string> files_;
  uint64_t memory_ = 8ull << 30;
  uint32_t cores_ = 8;

  static constexpr char kConfigFile[] = "/home/u/.aws/config";
  static constexpr char kCredentialsFile[] = "/home/u/.aws/credentials";
};

}  // namespace s3native
