#include "options.h"

#include <pybind11/stl.h>

#include "convert.h"

namespace s3native::python {
namespace {

template <typename T>
void ReadOption(const py::dict& options, const char* name, std::optional<T>* out) {
  if (!options.contains(name) || options[name].is_none()) return;
  try {
    *out = options[name].cast<T>();
  } catch (const py::cast_error&) {
    throw py::type_error(std::string(name) + " has the wrong type: " +
                         Py_TYPE(py::object(options[name]).ptr())->tp_name);
  }
}

template <typename T>
void ReadOption(const py::dict& options, const char* name, T* out) {
  std::optional<T> value;
  ReadOption(options, name, &value);
  if (value) *out = std::move(*value);
}

// What each value of an enumeration is called.
template <typename T>
using Names = std::initializer_list<std::pair<const char*, T>>;

constexpr Names<Addressing> kAddressings = {
    {"auto", Addressing::kAuto}, {"path", Addressing::kPath}, {"virtual", Addressing::kVirtual}};
constexpr Names<PageLocking> kPageLockings = {
    {"none", PageLocking::kNone}, {"mlock", PageLocking::kMlock}, {"cuda", PageLocking::kCuda}};
constexpr Names<Access> kAccesses = {
    {"auto", Access::kAuto}, {"sequential", Access::kSequential}, {"random", Access::kRandom}};
constexpr Names<RetryMode> kRetryModes = {{"standard", RetryMode::kStandard},
                                          {"adaptive", RetryMode::kAdaptive},
                                          {"legacy", RetryMode::kLegacy}};
constexpr Names<ChecksumPolicy> kChecksumPolicies = {
    {"when_supported", ChecksumPolicy::kWhenSupported},
    {"when_required", ChecksumPolicy::kWhenRequired}};
constexpr Names<CredentialsKind> kCredentialsKinds = {
    {"default chain", CredentialsKind::kDefaultChain},
    {"profile", CredentialsKind::kProfile},
    {"static", CredentialsKind::kStatic},
    {"function", CredentialsKind::kCallback},
    {"anonymous", CredentialsKind::kAnonymous}};

template <typename T>
const char* NameIn(Names<T> names, T wanted) {
  for (const auto& [name, value] : names) {
    if (value == wanted) return name;
  }
  return "";
}

template <typename T>
void ReadChoice(const py::dict& options, const char* name, Names<T> choices,
                std::optional<T>* out) {
  std::string text;
  ReadOption(options, name, &text);
  if (text.empty()) return;
  std::string known;
  for (const auto& [choice, value] : choices) {
    if (text == choice) {
      *out = value;
      return;
    }
    known += known.empty() ? choice : std::string(", ") + choice;
  }
  throw py::value_error(std::string(name) + " must be one of " + known + ", not '" + text + "'");
}

Credentials CredentialsFrom(const py::object& object) {
  Credentials credentials;
  credentials.access_key_id = object.attr("access_key").cast<std::string>();
  credentials.secret_access_key = object.attr("secret_key").cast<std::string>();
  const py::object token = object.attr("session_token");
  if (!token.is_none()) credentials.session_token = token.cast<std::string>();
  const py::object expiry = object.attr("expiry");
  if (!expiry.is_none())
    credentials.expiry_unix_s = static_cast<int64_t>(expiry.attr("timestamp")().cast<double>());
  return credentials;
}

// Owns a Python object that may be let go from any thread.
std::shared_ptr<py::object> Keep(const py::object& object) {
  return {new py::object(object), [](py::object* kept) {
            if (Py_IsInitialized() == 0)
              return;  // the interpreter is gone, and its objects with it
            const AcquireGil acquired;
            delete kept;
          }};
}

CredentialsCallback CallbackFrom(const py::object& function) {
  return [kept = Keep(function)]() -> Result<Credentials> {
    const AcquireGil acquired;
    try {
      return CredentialsFrom((*kept)());
    } catch (const std::exception& failure) {
      Error error;
      error.code = ErrorCode::kCredentials;
      // The exception's class only: its text may hold what the function was working with.
      const auto* raised = dynamic_cast<const py::error_already_set*>(&failure);
      error.message =
          "the credentials function failed with " +
          (raised != nullptr ? py::str(raised->type().attr("__name__")).cast<std::string>()
                             : std::string("a wrong return type")) +
          "; it must return s3native.Credentials";
      return error;
    }
  };
}

void ReadCredentials(const py::dict& options, ConfigOptions* out) {
  if (!options.contains("credentials")) return;
  const py::object credentials = options["credentials"];
  if (credentials.is_none()) return;
  if (py::isinstance<py::str>(credentials)) {
    if (credentials.cast<std::string>() != "anonymous") {
      throw py::value_error(
          "credentials must be s3native.Credentials, a function returning them, or \"anonymous\"");
    }
    out->anonymous = true;
  } else if (py::hasattr(credentials, "access_key")) {
    out->credentials = CredentialsFrom(credentials);
  } else if (PyCallable_Check(credentials.ptr()) != 0) {
    out->credentials_callback = CallbackFrom(credentials);
  } else {
    throw py::type_error(
        std::string("credentials must be s3native.Credentials, a function returning them, or ") +
        "\"anonymous\", not " + Py_TYPE(credentials.ptr())->tp_name);
  }
}

// "http://user:***@host": everything between the scheme and the last '@' may be secret.
std::string MaskProxy(const std::string& proxy) {
  const size_t at = proxy.rfind('@');
  const size_t scheme = proxy.find("://");
  if (at == std::string::npos) return proxy;
  return (scheme == std::string::npos ? std::string() : proxy.substr(0, scheme + 3)) + "***" +
         proxy.substr(at);
}

}  // namespace

ConfigOptions ConfigOptionsFrom(const py::dict& options) {
  ConfigOptions out;
  ReadOption(options, "endpoint", &out.endpoint);
  ReadOption(options, "region", &out.region);
  ReadOption(options, "profile", &out.profile);
  ReadCredentials(options, &out);
  ReadChoice(options, "addressing", kAddressings, &out.addressing);
  ReadOption(options, "use_https", &out.use_https);
  ReadOption(options, "verify_ssl", &out.verify_ssl);
  ReadOption(options, "ca_bundle", &out.ca_bundle);
  ReadOption(options, "proxy", &out.proxy);
  ReadOption(options, "no_proxy", &out.no_proxy);
  ReadOption(options, "part_size", &out.part_size);
  ReadOption(options, "throughput_target_gbps", &out.throughput_target_gbps);
  ReadOption(options, "max_connections", &out.max_connections);
  ReadOption(options, "memory_limit", &out.memory_limit);
  ReadChoice(options, "pin_memory", kPageLockings, &out.pin_memory);
  ReadOption(options, "event_loops", &out.event_loops);
  ReadOption(options, "connect_timeout_ms", &out.connect_timeout_ms);
  ReadOption(options, "first_byte_timeout_s", &out.first_byte_timeout_s);
  ReadOption(options, "stall_timeout_s", &out.stall_timeout_s);
  ReadOption(options, "total_timeout_s", &out.total_timeout_s);
  ReadOption(options, "max_attempts", &out.max_attempts);
  ReadChoice(options, "retry_mode", kRetryModes, &out.retry_mode);
  ReadChoice(options, "request_checksum", kChecksumPolicies, &out.request_checksum);
  ReadChoice(options, "response_checksum", kChecksumPolicies, &out.response_checksum);
  return out;
}

py::dict DescribeConfig(const Config& config) {
  py::dict values;
  values["endpoint"] = config.scheme + "://" + RequestAuthority(config, "");
  values["region"] = config.region;
  values["profile"] = config.profile;
  values["credentials"] = NameIn(kCredentialsKinds, config.credentials_kind);
  if (config.credentials_kind == CredentialsKind::kStatic) {
    // The last four characters tell two keys apart without giving one away.
    const std::string& key = config.credentials.access_key_id;
    values["credentials"] =
        "static ****" + (key.size() > 8 ? key.substr(key.size() - 4) : std::string());
  }
  values["addressing"] = config.path_style ? "path" : "virtual";
  values["verify_ssl"] = config.verify_ssl;
  values["ca_bundle"] = config.ca_bundle;
  values["proxy"] = MaskProxy(config.proxy);
  values["part_size"] = config.part_size;
  values["throughput_target_gbps"] = config.throughput_target_gbps;
  values["max_connections"] = config.max_connections;
  values["memory_limit"] = config.memory_limit;
  values["pin_memory"] = NameIn(kPageLockings, config.pin_memory);
  values["event_loops"] = config.event_loops;
  values["connect_timeout_ms"] = config.connect_timeout_ms;
  values["first_byte_timeout_s"] = config.first_byte_timeout_s;
  values["stall_timeout_s"] = config.stall_timeout_s;
  values["total_timeout_s"] = config.total_timeout_s;
  values["max_attempts"] = config.max_attempts;
  values["retry_mode"] = NameIn(kRetryModes, config.retry_mode);
  values["request_checksum"] = NameIn(kChecksumPolicies, config.request_checksum);
  values["response_checksum"] = NameIn(kChecksumPolicies, config.response_checksum);
  py::dict described;
  described["values"] = values;
  described["sources"] = py::cast(config.sources);
  return described;
}

ReaderOptions ReaderOptionsFrom(const py::object& options) {
  ReaderOptions out;
  if (options.is_none()) return out;
  const auto given = py::reinterpret_borrow<py::dict>(options);
  ReadOption(given, "size", &out.size);
  ReadOption(given, "etag", &out.etag);
  ReadOption(given, "version_id", &out.version_id);
  std::optional<Access> access;
  ReadChoice(given, "access", kAccesses, &access);
  out.access = access.value_or(out.access);
  ReadOption(given, "readahead", &out.readahead);
  ReadOption(given, "follow", &out.follow);
  return out;
}

PutOptions PutOptionsFrom(const py::dict& options) {
  PutOptions out;
  ReadOption(options, "if_none_match", &out.if_none_match);
  ReadOption(options, "if_match", &out.if_match);
  ReadOption(options, "content_type", &out.content_type);
  ReadOption(options, "content_encoding", &out.content_encoding);
  ReadOption(options, "cache_control", &out.cache_control);
  ReadOption(options, "storage_class", &out.storage_class);
  ReadOption(options, "server_side_encryption", &out.server_side_encryption);
  ReadOption(options, "sse_kms_key_id", &out.sse_kms_key_id);
  ReadOption(options, "metadata", &out.metadata);
  ReadOption(options, "tags", &out.tags);
  return out;
}

}  // namespace s3native::python
