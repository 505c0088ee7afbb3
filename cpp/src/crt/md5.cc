#include "md5.h"

#include <aws/cal/hash.h>

#include "crt/handles.h"
#include "crt/runtime.h"

namespace s3native {

std::string Md5(std::string_view data) {
  std::string digest(AWS_MD5_LEN, '\0');
  const aws_byte_cursor input = crt::Cursor(data);
  aws_byte_buf output = aws_byte_buf_from_empty_array(digest.data(), digest.size());
  aws_md5_compute(crt::Allocator(), &input, &output, 0);
  return digest;
}

}  // namespace s3native
