#include "sha256.h"

#include <aws/cal/hash.h>
#include <aws/cal/hmac.h>

#include "crt/handles.h"
#include "crt/runtime.h"

namespace s3native {

using crt::Allocator;
using crt::Cursor;

std::string Sha256(std::string_view data) {
  std::string digest(AWS_SHA256_LEN, '\0');
  const aws_byte_cursor input = Cursor(data);
  aws_byte_buf output = aws_byte_buf_from_empty_array(digest.data(), digest.size());
  aws_sha256_compute(Allocator(), &input, &output, 0);
  return digest;
}

std::string HmacSha256(std::string_view key, std::string_view data) {
  std::string digest(AWS_SHA256_HMAC_LEN, '\0');
  const aws_byte_cursor secret = Cursor(key);
  const aws_byte_cursor input = Cursor(data);
  aws_byte_buf output = aws_byte_buf_from_empty_array(digest.data(), digest.size());
  aws_sha256_hmac_compute(Allocator(), &secret, &input, &output, 0);
  return digest;
}

}  // namespace s3native
