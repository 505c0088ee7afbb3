#include "s3native/checksums.h"

#include <aws/checksums/checksums.h>
#include <aws/checksums/crc.h>

namespace s3native {
namespace {

// The library chooses its kernels on first use, which two threads must not do at once.
void ChooseKernels() {
  static const bool chosen = [] {
    aws_checksums_library_init(aws_default_allocator());
    return true;
  }();
  (void)chosen;
}

}  // namespace

uint64_t Crc64Nvme(const void* data, size_t size, uint64_t previous) {
  ChooseKernels();
  return aws_checksums_crc64nvme_ex(static_cast<const uint8_t*>(data), size, previous);
}

uint64_t CombineCrc64Nvme(uint64_t crc_a, uint64_t crc_b, uint64_t size_b) {
  ChooseKernels();
  return aws_checksums_crc64nvme_combine(crc_a, crc_b, size_b);
}

uint32_t Crc32c(const void* data, size_t size, uint32_t previous) {
  ChooseKernels();
  return aws_checksums_crc32c_ex(static_cast<const uint8_t*>(data), size, previous);
}

}  // namespace s3native
