#include "config_lookup.h"

#include <array>
#include <charconv>
#include <utility>

#include "ascii.h"

namespace s3native {
namespace {

template <typename T>
struct Choice {
  std::string_view word;
  T value;
};

template <typename T, size_t N>
Result<T> ParseChoice(const Setting& setting, const std::array<Choice<T>, N>& choices) {
  const std::string word = LowerAscii(setting.value);
  std::string expected;
  for (const Choice<T>& choice : choices) {
    if (choice.word == word) return choice.value;
    expected += (expected.empty() ? "" : ", ") + std::string(choice.word);
  }
  return InvalidArgument(setting.name + " must be one of " + expected);
}

}  // namespace

Result<ConfigLookup> ConfigLookup::Load(const ConfigOptions& options, const ConfigInputs& inputs) {
  ConfigLookup lookup(inputs);
  lookup.config_file_ = lookup.FilePath("AWS_CONFIG_FILE", "~/.aws/config");
  lookup.credentials_file_ = lookup.FilePath("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials");
  if (Status status = lookup.ChooseProfile(options); !status.ok()) return std::move(status).error();
  if (Status status = lookup.ReadLayers(); !status.ok()) return std::move(status).error();
  return lookup;
}

std::optional<Setting> ConfigLookup::Environment(std::initializer_list<const char*> names) const {
  if (!inputs_->getenv) return std::nullopt;
  for (const char* name : names) {
    std::optional<std::string> value = inputs_->getenv(name);
    if (!value || value->empty())
      continue;  // an empty variable is as good as none, as in the AWS CLI
    return Setting{*std::move(value), std::string("environment ") + name,
                   std::string("environment variable ") + name};
  }
  return std::nullopt;
}

std::optional<Setting> ConfigLookup::Profile(const std::string& property) const {
  for (const Layer& layer : layers_) {
    const auto found = layer.section.properties.find(property);
    if (found == layer.section.properties.end() || found->second.empty()) continue;
    return Describe(layer, property, found->second);
  }
  return std::nullopt;
}

std::optional<Setting> ConfigLookup::Profile(const std::string& owner,
                                             const std::string& property) const {
  for (const Layer& layer : layers_) {
    const auto nested = layer.section.nested.find(owner);
    if (nested == layer.section.nested.end()) continue;
    const auto found = nested->second.find(property);
    if (found == nested->second.end() || found->second.empty()) continue;
    return Describe(layer, property, found->second);
  }
  return std::nullopt;
}

std::optional<Setting> ConfigLookup::S3Service(const std::string& property) const {
  const std::optional<Setting> services = Profile("services");
  if (!services) return std::nullopt;
  const auto section = config_.sections.find("services " + services->value);
  if (section == config_.sections.end()) return std::nullopt;
  const auto s3 = section->second.nested.find("s3");
  if (s3 == section->second.nested.end()) return std::nullopt;
  const auto found = s3->second.find(property);
  if (found == s3->second.end() || found->second.empty()) return std::nullopt;
  return Setting{found->second, "profile " + profile_,
                 property + " of services \"" + services->value + "\" in " + config_file_.value};
}

Status ConfigLookup::ChooseProfile(const ConfigOptions& options) {
  profile_ = "default";
  profile_source_ = "default";
  if (options.profile) {
    if (options.profile->empty()) return InvalidArgument("profile must not be empty");
    profile_ = *options.profile;
    profile_source_ = "argument";
  } else if (std::optional<Setting> setting = Environment({"AWS_PROFILE"})) {
    profile_ = setting->value;
    profile_source_ = setting->source;
  }
  return Ok();
}

// Credentials files name sections "[dev]", config files "[profile dev]"; only the default profile
// may stand there bare.
Status ConfigLookup::ReadLayers() {
  Result<ProfileFile> config = Read(config_file_.value);
  if (!config.ok()) return std::move(config).error();
  Result<ProfileFile> credentials = Read(credentials_file_.value);
  if (!credentials.ok()) return std::move(credentials).error();
  config_ = std::move(config).value();

  const auto add = [this](const ProfileFile& file, const std::string& path,
                          const std::string& name) {
    const auto found = file.sections.find(name);
    if (found != file.sections.end()) layers_.push_back({path, found->second});
  };
  add(credentials.value(), credentials_file_.value, profile_);
  add(config_, config_file_.value, "profile " + profile_);
  if (profile_ == "default") add(config_, config_file_.value, "default");
  if (!layers_.empty() || !profile_is_explicit()) return Ok();
  return InvalidArgument("profile \"" + profile_ + "\" (from " + profile_source_ +
                         ") is neither in " + config_file_.value + " nor in " +
                         credentials_file_.value);
}

// A file that is not there is an empty one: most machines have none.
Result<ProfileFile> ConfigLookup::Read(const std::string& path) const {
  if (path.empty() || !inputs_->read_file) return ProfileFile();
  const std::optional<std::string> text = inputs_->read_file(path);
  return text ? ParseProfileFile(*text, path) : ProfileFile();
}

Setting ConfigLookup::FilePath(const char* variable, const char* default_path) const {
  std::optional<Setting> setting = Environment({variable});
  if (!setting) setting = Setting{default_path, "default", default_path};
  setting->value = ExpandHome(setting->value);
  return *setting;
}

std::string ConfigLookup::ExpandHome(const std::string& path) const {
  if (path.rfind("~/", 0) != 0) return path;
  const std::optional<Setting> home = Environment({"HOME"});
  return home ? home->value + path.substr(1) : path;
}

Setting ConfigLookup::Describe(const Layer& layer, const std::string& property,
                               const std::string& value) const {
  return {value, "profile " + profile_,
          property + " of profile \"" + profile_ + "\" in " + layer.path};
}

Result<std::string> ParseText(const Setting& setting) { return setting.value; }

Result<bool> ParseBool(const Setting& setting) {
  const std::string word = LowerAscii(setting.value);
  for (const char* yes : {"1", "true", "yes", "on"}) {
    if (word == yes) return true;
  }
  for (const char* no : {"0", "false", "no", "off"}) {
    if (word == no) return false;
  }
  return InvalidArgument(setting.name + " must be 1 or 0 (or true or false)");
}

Result<uint32_t> ParsePositive(const Setting& setting) {
  uint32_t value = 0;
  const char* end = setting.value.data() + setting.value.size();
  const auto [next, error] = std::from_chars(setting.value.data(), end, value);
  if (error == std::errc() && next == end && value > 0) return value;
  return InvalidArgument(setting.name + " must be a whole number from 1 to 4294967295");
}

Result<Addressing> ParseAddressing(const Setting& setting) {
  static constexpr std::array<Choice<Addressing>, 3> kChoices = {
      {{"auto", Addressing::kAuto},
       {"path", Addressing::kPath},
       {"virtual", Addressing::kVirtual}}};
  return ParseChoice(setting, kChoices);
}

Result<RetryMode> ParseRetryMode(const Setting& setting) {
  static constexpr std::array<Choice<RetryMode>, 3> kChoices = {{{"standard", RetryMode::kStandard},
                                                                 {"adaptive", RetryMode::kAdaptive},
                                                                 {"legacy", RetryMode::kLegacy}}};
  return ParseChoice(setting, kChoices);
}

Result<ChecksumPolicy> ParseChecksumPolicy(const Setting& setting) {
  static constexpr std::array<Choice<ChecksumPolicy>, 2> kChoices = {
      {{"when_supported", ChecksumPolicy::kWhenSupported},
       {"when_required", ChecksumPolicy::kWhenRequired}}};
  return ParseChoice(setting, kChoices);
}

}  // namespace s3native
