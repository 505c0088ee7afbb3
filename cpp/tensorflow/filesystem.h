// The operations of TensorFlow's filesystem C API: paths and statuses become the engine's, and
// back.
//
// Thread-safety: the tables are constant. Ownership: as c_api.h says.
#pragma once

#include "c_api.h"

namespace s3native::tensorflow {

// Memory that TensorFlow frees, or we free for it.
void* Allocate(size_t size);
void Release(void* memory);

FilesystemOps MakeFilesystemOps();
// Of those, the ones that open files.
void AddOpeners(FilesystemOps* ops);
RandomAccessFileOps MakeRandomAccessFileOps();
WritableFileOps MakeWritableFileOps();
MemoryRegionOps MakeMemoryRegionOps();

}  // namespace s3native::tensorflow
