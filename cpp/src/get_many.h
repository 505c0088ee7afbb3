// The stream behind Client::GetMany.
// Thread-safety: as GetManyStream. Ownership: the store, memory and predictor must outlive the
// stream.
#pragma once

#include <memory>

#include "process_memory.h"
#include "s3native/client.h"
#include "size_predictor.h"

namespace s3native {

// `enough`: bytes in flight or ready, beyond which no more is wanted.
std::unique_ptr<GetManyStream> MakeGetManyStream(ObjectStore& store, ProcessMemory& memory,
                                                 SizePredictor& predictor,
                                                 const GetManyOptions& options, uint64_t enough);

}  // namespace s3native
