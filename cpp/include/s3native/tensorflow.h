// "s3://" in TensorFlow: TF_InitPlugin is what TensorFlow calls of a library that it is told to
// take filesystems from. Python's module is that library, so that there is one engine for both.
//
// Thread-safety: all functions, any thread. Ownership: clients are shared.
#pragma once

#include <cstdint>
#include <memory>

#include "s3native/client.h"

namespace s3native::tensorflow {

// Files that are opened from now on are this client's. Without one, they are those of a client with
// the environment's configuration, made on first use.
void UseClient(std::shared_ptr<Client> client);

// Makes visible what TensorFlow has flushed and what waits for its turn; the first error.
Status PublishAllFlushed();

// Has listings, patterns and questions for folders answered for so long out of the listing of a
// folder around them: for TensorBoard, which asks for the same again and again. 0, the default:
// not.
void KeepListings(uint32_t keep_ms);

}  // namespace s3native::tensorflow
