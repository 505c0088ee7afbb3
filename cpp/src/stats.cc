#include "s3native/stats.h"

#include "process_memory.h"

namespace s3native {

Counters& GlobalCounters() {
  static Counters* counters = new Counters;
  return *counters;
}

std::vector<std::pair<std::string, uint64_t>> CollectStats() {
  const Counters& counters = GlobalCounters();
  const ProcessMemory& memory = GetProcessMemory();
  const SlabPoolStats pool = memory.pool->stats();
  return {
      {"operations", counters.operations.load()},
      {"requests", counters.requests.load()},
      {"retries", counters.retries.load()},
      {"failures", counters.failures.load()},
      {"bytes_received", counters.bytes_received.load()},
      {"bytes_sent", counters.bytes_sent.load()},
      {"events_dropped", counters.events_dropped.load()},
      {"memory_limit", memory.budget->limit()},
      {"memory_reserved", memory.budget->reserved()},
      {"pool_in_use", pool.in_use_bytes},
      {"pool_idle", pool.idle_bytes},
      {"pool_hits", pool.hits},
      {"pool_misses", pool.misses},
      {"pool_page_locked", pool.locked_bytes},
  };
}

}  // namespace s3native
