// Plain counters of what the engine has done in this process. Thread-safety: relaxed atomics, any
// thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace s3native {

struct Counters {
  std::atomic<uint64_t> operations{0};      // accepted by a store
  std::atomic<uint64_t> requests{0};        // HTTP requests sent, retries included
  std::atomic<uint64_t> retries{0};         // requests that repeated a failed one
  std::atomic<uint64_t> failures{0};        // operations that ended in an error
  std::atomic<uint64_t> bytes_received{0};  // object bytes written to memory
  std::atomic<uint64_t> bytes_sent{0};      // body bytes of successful requests
  std::atomic<uint64_t> events_dropped{0};  // log lines and records that found their queue full
};

Counters& GlobalCounters();

// The counters and the memory of this process, by name, in plain numbers.
std::vector<std::pair<std::string, uint64_t>> CollectStats();

}  // namespace s3native
