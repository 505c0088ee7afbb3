// Where settings come from when no argument gives them: environment variables and the chosen
// profile. Thread-safety: const methods of one object from any thread, as far as the ConfigInputs
// allow it. Ownership: keeps references to the ConfigInputs and ConfigOptions it was loaded from;
// they must outlive it.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "profile_file.h"
#include "s3native/config.h"

namespace s3native {

// Text found somewhere, and how to speak of the place.
struct Setting {
  std::string value;
  std::string source;  // for Config::sources: "environment AWS_REGION", "profile dev"
  std::string
      name;  // for messages: "environment variable AWS_REGION", "region of profile \"dev\" in PATH"
};

class ConfigLookup {
 public:
  // Chooses the profile and reads its files. kInvalidArgument: broken syntax, or a profile that was
  // named explicitly is in neither file.
  static Result<ConfigLookup> Load(const ConfigOptions& options, const ConfigInputs& inputs);

  // The first of the variables that is set and not empty.
  std::optional<Setting> Environment(std::initializer_list<const char*> names) const;
  // A property of the profile.
  std::optional<Setting> Profile(const std::string& property) const;
  // A property nested in another, as `addressing_style` is in `s3 =`.
  std::optional<Setting> Profile(const std::string& owner, const std::string& property) const;
  // `property` of s3 in the `services` section that the profile names.
  std::optional<Setting> S3Service(const std::string& property) const;

  const std::string& profile() const { return profile_; }
  const std::string& profile_source() const { return profile_source_; }
  bool profile_is_explicit() const { return profile_source_ != "default"; }
  const Setting& config_file() const { return config_file_; }
  const Setting& credentials_file() const { return credentials_file_; }

 private:
  struct Layer {
    std::string path;
    ProfileSection section;
  };

  explicit ConfigLookup(const ConfigInputs& inputs) : inputs_(&inputs) {}
  Status ChooseProfile(const ConfigOptions& options);
  Status ReadLayers();
  Result<ProfileFile> Read(const std::string& path) const;
  Setting FilePath(const char* variable, const char* default_path) const;
  std::string ExpandHome(const std::string& path) const;
  Setting Describe(const Layer& layer, const std::string& property, const std::string& value) const;

  const ConfigInputs* inputs_;
  std::string profile_;
  std::string profile_source_;
  Setting config_file_;
  Setting credentials_file_;
  ProfileFile config_;         // whole: services sections are looked up by name
  std::vector<Layer> layers_;  // the profile's sections, the first that has a property wins
};

// `first` if it was found, else `second`.
inline std::optional<Setting> FirstOf(std::optional<Setting> first, std::optional<Setting> second) {
  return first ? std::move(first) : std::move(second);
}

// Parsers of a Setting's value. Errors name the setting and quote nothing.
Result<std::string> ParseText(const Setting& setting);
Result<bool> ParseBool(const Setting& setting);          // 1/0, true/false, yes/no, on/off
Result<uint32_t> ParsePositive(const Setting& setting);  // 1 to 2^32 - 1
Result<Addressing> ParseAddressing(const Setting& setting);
Result<RetryMode> ParseRetryMode(const Setting& setting);
Result<ChecksumPolicy> ParseChecksumPolicy(const Setting& setting);

}  // namespace s3native
