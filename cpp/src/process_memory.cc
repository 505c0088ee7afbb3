#include "process_memory.h"

#include "per_process.h"

namespace s3native {
namespace {

// Until a client's configuration says otherwise.
constexpr uint64_t kInitialLimit = 1ull << 30;

}  // namespace

void ProcessMemory::Configure(const Config& config) {
  const auto is_given = [&](const char* field) { return config.sources.at(field) == "argument"; };
  if (is_given("memory_limit")) limit_was_given = true;
  if (is_given("memory_limit") || !limit_was_given) {
    budget->set_limit(config.memory_limit);
    pool->set_limit(config.memory_limit);
  }
  if (is_given("pin_memory")) pool->set_page_locking(config.pin_memory);
}

ProcessMemory& GetProcessMemory() {
  static PerProcess<ProcessMemory> memories;
  return memories.Get([] {
    return ProcessMemory{std::make_shared<SlabPool>(kInitialLimit),
                         std::make_unique<MemoryBudget>(kInitialLimit)};
  });
}

std::unique_ptr<ReservedSlab> ReservedSlab::TryAllocate(ProcessMemory& memory, uint64_t size,
                                                        Claim claim) {
  std::unique_ptr<ReservedSlab> made(new ReservedSlab(*memory.budget, size));
  const uint64_t wanted = SlabPool::SizeClass(size);
  if (!memory.budget->TryReserve(wanted, claim)) return nullptr;
  made->reserved_ = wanted;
  made->slab_ = memory.pool->Allocate(size);
  return made;
}

ReservedSlab::~ReservedSlab() {
  slab_ = nullptr;  // so that whoever the budget wakes finds it idle
  if (reserved_ != 0) budget_.Release(reserved_);
}

}  // namespace s3native
