// The real ConfigInputs: process environment, file system, and what this process may use of the
// machine.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "s3native/config.h"

namespace s3native {
namespace {

// Nothing for what is missing, unreadable or a directory.
std::optional<std::string> ReadFile(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return std::nullopt;  // opens, then throws
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

std::optional<std::string> GetEnvironment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

// The number that `text` starts with; nothing for "max".
std::optional<uint64_t> LeadingNumber(std::string_view text) {
  uint64_t value = 0;
  const auto [next, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() ? std::optional<uint64_t>(value) : std::nullopt;
}

// Inside a container the machine's memory is not ours: take the cgroup's limit (version 2, then 1)
// if it is lower.
uint64_t MachineMemory() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page_size = sysconf(_SC_PAGE_SIZE);
  uint64_t memory = pages > 0 && page_size > 0
                        ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(page_size)
                        : 0;
  for (const char* path :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    const auto limit = LeadingNumber(ReadFile(path).value_or(""));
    if (limit && *limit > 0) memory = memory == 0 ? *limit : std::min(memory, *limit);
  }
  return memory;
}

// The cores of the affinity mask, or the cgroup's quota ("200000 100000" is two cores) if it is
// lower.
uint32_t UsableCores() {
  const uint32_t cores = std::max(1u, std::thread::hardware_concurrency());
  const std::string text = ReadFile("/sys/fs/cgroup/cpu.max").value_or("");
  const size_t blank = text.find(' ');
  const auto quota = LeadingNumber(text);
  if (!quota || blank == std::string::npos) return cores;
  const auto period = LeadingNumber(std::string_view(text).substr(blank + 1));
  if (!period || *period == 0) return cores;
  const uint64_t granted = std::max<uint64_t>(1, *quota / *period);
  return granted < cores ? static_cast<uint32_t>(granted) : cores;
}

}  // namespace

ConfigInputs SystemConfigInputs() {
  return {GetEnvironment, ReadFile, MachineMemory(), UsableCores()};
}

}  // namespace s3native
