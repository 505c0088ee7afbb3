#include "checksum_text.h"

#include <gtest/gtest.h>

#include <string>

namespace s3native {
namespace {

TEST(Crc64ToBase64, WritesBigEndianBase64) {
  EXPECT_EQ(Crc64ToBase64(0), "AAAAAAAAAAA=");
  EXPECT_EQ(Crc64ToBase64(UINT64_MAX), "//////////8=");
  EXPECT_EQ(Crc64ToBase64(0x0001020304050607), "AAECAwQFBgc=");
  EXPECT_EQ(Crc64ToBase64(0xae8b14860a799888), "rosUhgp5mIg=");  // CRC64NVME of "123456789"
}

TEST(Base64ToCrc64, UndoesTheWriting) {
  uint64_t value = 1;
  for (int i = 0; i < 1000; ++i) {
    value = value * 6364136223846793005ull + 1;
    EXPECT_EQ(Base64ToCrc64(Crc64ToBase64(value)), value);
  }
  for (int bit = 0; bit < 64; ++bit)
    EXPECT_EQ(Base64ToCrc64(Crc64ToBase64(1ull << bit)), 1ull << bit);
}

TEST(Base64ToCrc64, RefusesAllElse) {
  for (const char* text : {"", "AAAAAAAAAAA", "AAAAAAAAAAAA", "AAAAAAAAAA==", "AAAAAAAAAAA=-3",
                           "AAAAAAAAA*A=", "AAAAAAAAAAB=", "AAAAAAAAA A=", "AAAA-AAAAAA=",
                           " AAAAAAAAAAA", "AAAAAAAAAAA=\n", "AAAAA=AAAAA="}) {
    EXPECT_FALSE(Base64ToCrc64(text)) << text;
  }
}

}  // namespace
}  // namespace s3native
