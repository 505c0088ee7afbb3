#include "percent_encoding.h"

#include <gtest/gtest.h>

#include <string>

namespace s3native {
namespace {

TEST(PercentEncode, KeepsUnreservedBytes) {
  const std::string unreserved = "ABCXYZabcxyz0189-_.~";
  EXPECT_EQ(PercentEncode(unreserved, false), unreserved);
  EXPECT_EQ(PercentEncode("", false), "");
}

TEST(PercentEncode, KeepsSlashOnlyWhenAsked) {
  EXPECT_EQ(PercentEncode("/a//b/", true), "/a//b/");
  EXPECT_EQ(PercentEncode("a/b", false), "a%2Fb");
}

TEST(PercentEncode, EncodesAllElse) {
  EXPECT_EQ(PercentEncode(" !\"#$%&'()*+,:;<=>?@[\\]^`{|}", true),
            "%20%21%22%23%24%25%26%27%28%29%2A%2B%2C%3A%3B%3C%3D%3E%3F%40%5B%5C%5D%5E%60%7B%7C%7D");
  EXPECT_EQ(PercentEncode("ä日", true), "%C3%A4%E6%97%A5");
  EXPECT_EQ(PercentEncode(std::string("\0\x7f\xff", 3), true), "%00%7F%FF");
}

TEST(PercentDecode, UndoesEncodingOfEveryByte) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(PercentDecode(PercentEncode(all, true), PlusSign::kLiteral), all);
  EXPECT_EQ(PercentDecode(PercentEncode(all, false), PlusSign::kSpace), all);
}

TEST(PercentDecode, TreatsPlusAsAsked) {
  EXPECT_EQ(PercentDecode("a+b%2Bc", PlusSign::kSpace), "a b+c");
  EXPECT_EQ(PercentDecode("a+b%2Bc", PlusSign::kLiteral), "a+b+c");
}

TEST(PercentDecode, TakesLowerCaseDigitsAndRawBytes) {
  EXPECT_EQ(PercentDecode("%c3%a4/ä", PlusSign::kLiteral), "ä/ä");
}

TEST(PercentDecode, DoesNotDecodeTwice) {
  EXPECT_EQ(PercentDecode("%2525", PlusSign::kLiteral), "%25");
}

TEST(PercentDecode, RefusesTruncatedAndBadEscapes) {
  for (const char* text : {"%", "a%", "%4", "%4x", "%x4", "%%41", "%+1"}) {
    EXPECT_FALSE(PercentDecode(text, PlusSign::kLiteral)) << text;
  }
}

}  // namespace
}  // namespace s3native
