#include "crc64.h"

#include <aws/checksums/crc.h>

namespace s3native {

uint64_t Crc64Nvme(const void* data, size_t size, uint64_t previous) {
  return aws_checksums_crc64nvme_ex(static_cast<const uint8_t*>(data), size, previous);
}

uint64_t CombineCrc64Nvme(uint64_t crc_a, uint64_t crc_b, uint64_t size_b) {
  return aws_checksums_crc64nvme_combine(crc_a, crc_b, size_b);
}

}  // namespace s3native
