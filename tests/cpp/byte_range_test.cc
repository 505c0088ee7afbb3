#include <gtest/gtest.h>

#include <string>

#include "s3native/object.h"

namespace s3native {
namespace {

TEST(ByteRange, PrintsHalfOpen) {
  EXPECT_EQ((ByteRange{0, 10}).ToString(), "[0, 10)");
  EXPECT_EQ((ByteRange{5, std::nullopt}).ToString(), "[5, )");
  EXPECT_EQ((ByteRange{7, 7}).ToString(), "[7, 7)");
}

TEST(ByteRange, HeaderIsInclusive) {
  EXPECT_EQ((ByteRange{0, 10}).ToHttpHeader(), "bytes=0-9");
  EXPECT_EQ((ByteRange{3, 4}).ToHttpHeader(), "bytes=3-3");
  EXPECT_EQ((ByteRange{5, std::nullopt}).ToHttpHeader(), "bytes=5-");
  EXPECT_EQ((ByteRange{0, UINT64_MAX}).ToHttpHeader(), "bytes=0-18446744073709551614");
}

TEST(ByteRange, EmptyHasNoHeader) {
  EXPECT_EQ((ByteRange{0, 0}).ToHttpHeader(), "");
  EXPECT_EQ((ByteRange{9, 9}).ToHttpHeader(), "");
  EXPECT_EQ((ByteRange{9, 3}).ToHttpHeader(), "");
}

TEST(ParseContentRange, ReadsRangeAndSize) {
  const auto parsed = ParseContentRange("bytes 0-9/100");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->range, (ByteRange{0, 10}));
  EXPECT_EQ(parsed->size, 100u);
}

TEST(ParseContentRange, ReadsUnknownSize) {
  const auto parsed = ParseContentRange("bytes 5-5/*");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->range, (ByteRange{5, 6}));
  EXPECT_FALSE(parsed->size);
}

TEST(ParseContentRange, ReadsUnsatisfiedRange) {
  const auto parsed = ParseContentRange("bytes */100");
  ASSERT_TRUE(parsed);
  EXPECT_FALSE(parsed->range);
  EXPECT_EQ(parsed->size, 100u);
  EXPECT_EQ(ParseContentRange("bytes */0")->size, 0u);
}

TEST(ParseContentRange, TakesTheLastByteAndSpareBlanks) {
  EXPECT_TRUE(ParseContentRange("bytes 0-99/100"));
  EXPECT_TRUE(ParseContentRange(" bytes  0-99/100 "));
  EXPECT_EQ(ParseContentRange("bytes 0-18446744073709551614/*")->range->end, UINT64_MAX);
}

TEST(ParseContentRange, RefusesWhatIsMalformedOrContradictory) {
  for (const char* text : {"",
                           "bytes",
                           "bytes ",
                           "bytes 0-9",
                           "bytes=0-9/10",
                           "bytes0-9/10",
                           "items 0-9/10",
                           "bytes 0/10",
                           "bytes -9/10",
                           "bytes 0-/10",
                           "bytes 9-0/10",
                           "bytes 0-9/9",
                           "bytes */*",
                           "bytes 0-9/",
                           "bytes 0-9/1x",
                           "bytes 0x-9/10",
                           "bytes +0-9/10",
                           "bytes 0--9/10",
                           "bytes 0 - 9/10",
                           "bytes 0-18446744073709551615/*",
                           "bytes 0-99999999999999999999/*",
                           "bytes 0-9/99999999999999999999",
                           "bytes 0-9/10/10"}) {
    EXPECT_FALSE(ParseContentRange(text)) << text;
  }
}

}  // namespace
}  // namespace s3native
