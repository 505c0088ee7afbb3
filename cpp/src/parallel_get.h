// A large GET as ranged requests beside each other, all pinned to the ETag of the first response.
// Thread-safety: StartParallelGet from any thread. Ownership: as ObjectStore::Get.
#pragma once

#include <functional>

#include "s3native/object_store.h"

namespace s3native {

// A response's head is here, its bytes are not; from a thread of the store.
using OnObject = std::function<void(const ObjectInfo& info)>;

// One ranged request. `on_object`, which may be empty, is called before the completion.
using GetPart =
    std::function<OperationPtr(GetRequest part, OnObject on_object, Completion<GetResult> done)>;

// Asks what the store knows of the object, its checksum above all.
using AskChecksum = std::function<OperationPtr(Completion<ObjectInfo> answer)>;

struct ParallelGetOptions {
  uint64_t part_size = 8ull << 20;
  size_t concurrency = 8;    // parts in flight
  size_t tail = 4;           // parts that are left when others may begin
  AskChecksum ask_checksum;  // empty: the bytes of a whole object are not verified
};

// `get.range` must have an end. The result is the first part's, with the bytes of all.
OperationPtr StartParallelGet(const ParallelGetOptions& options, GetPart get_part, GetRequest get,
                              Completion<GetResult> done);

}  // namespace s3native
