#include "header_values.h"

#include <gtest/gtest.h>

namespace s3native {
namespace {

TEST(CheckHeaderValue, RefusesControlBytes) {
  EXPECT_TRUE(CheckHeaderValue("if_match", "\"abc\"").ok());
  EXPECT_TRUE(CheckHeaderValue("if_match", "").ok());
  EXPECT_TRUE(CheckHeaderValue("cache_control", "gr\xc3\xbc\xc3\x9f").ok());
  for (const std::string_view bad : {"a\r\nb", "a\nb", "a\tb", "\x7f"}) {
    const Status status = CheckHeaderValue("if_match", bad);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(status.error().message.find("if_match"), std::string::npos);
  }
  EXPECT_FALSE(CheckHeaderValue("if_match", std::string_view("\0", 1)).ok());
}

TEST(CheckPutOptions, LooksAtEveryOptionThatBecomesAHeader) {
  EXPECT_TRUE(CheckPutOptions({}).ok());
  for (std::string PutOptions::* member :
       {&PutOptions::if_match, &PutOptions::content_type, &PutOptions::content_encoding,
        &PutOptions::cache_control, &PutOptions::storage_class, &PutOptions::server_side_encryption,
        &PutOptions::sse_kms_key_id}) {
    PutOptions options;
    options.*member = "text/plain";
    EXPECT_TRUE(CheckPutOptions(options).ok());
    options.*member += "\r\nx-amz-acl: public-read";
    EXPECT_FALSE(CheckPutOptions(options).ok());
  }
}

TEST(CheckPutOptions, TakesMetadataWithNamesOfHeaders) {
  PutOptions options;
  options.metadata = {{"step", "12"}, {"Model-Name_2", "a  b"}};
  EXPECT_TRUE(CheckPutOptions(options).ok());
  for (const char* name : {"", "a b", "a:b", "a\nb", "\xc3\xbc"}) {
    options.metadata = {{name, "x"}};
    EXPECT_FALSE(CheckPutOptions(options).ok()) << name;
  }
  options.metadata = {{"name", "x\ny"}};
  const Status status = CheckPutOptions(options);
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message.find("\"name\""), std::string::npos);
}

}  // namespace
}  // namespace s3native
