#include "process_memory.h"

#include <unistd.h>

#include <atomic>

namespace s3native {
namespace {

// Until a client's configuration says otherwise.
constexpr uint64_t kInitialLimit = 1ull << 30;

struct Generation {
  pid_t pid;
  ProcessMemory memory;
};

}  // namespace

ProcessMemory& GetProcessMemory() {
  static std::atomic<Generation*> current{nullptr};
  const pid_t pid = getpid();
  Generation* mine = current.load();
  while (mine == nullptr || mine->pid != pid) {
    auto* fresh = new Generation{
        pid,
        {std::make_shared<SlabPool>(kInitialLimit), std::make_unique<MemoryBudget>(kInitialLimit)}};
    if (current.compare_exchange_strong(mine, fresh)) return fresh->memory;
    delete fresh;
  }
  return mine->memory;
}

}  // namespace s3native
