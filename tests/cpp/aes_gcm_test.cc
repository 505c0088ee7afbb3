#include "crt/aes_gcm.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace s3native::crt {
namespace {

constexpr uint8_t kNonce[kNonceSize] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
constexpr uint8_t kHeader[kRecordHeaderSize] = {23, 3, 3, 1, 0};
constexpr uint8_t kType = 23;

using Bytes = std::vector<uint8_t>;

Bytes Content(size_t size) {
  Bytes content(size);
  std::iota(content.begin(), content.end(), uint8_t{7});
  return content;
}

Bytes Seal(AesGcm& gcm, const Bytes& content) {
  Bytes sealed(content.size() + 1 + kTagSize);
  EXPECT_TRUE(gcm.Seal(kNonce, kHeader, content.data(), content.size(), kType, sealed.data()));
  return sealed;
}

bool Opens(AesGcm& gcm, const Bytes& sealed, const Bytes& expected) {
  // Exactly as long as the content: a byte too many written is a sanitizer's finding.
  Bytes content(expected.size());
  uint8_t type = 0;
  return gcm.Open(kNonce, kHeader, sealed.data(), expected.size(), content.data(), &type) &&
         content == expected && type == kType;
}

class AesGcmOfKey : public testing::TestWithParam<size_t> {
 protected:
  void SetUp() override {
    library_ = MakeLibraryAesGcm(key());
    ASSERT_TRUE(library_);
    vaes_ = MakeVaesAesGcm(key());
    if (!vaes_) GTEST_SKIP() << "this processor has AVX-512 or no VAES";
  }
  static std::string key() { return std::string(GetParam(), 'k'); }

  std::unique_ptr<AesGcm> library_;
  std::unique_ptr<AesGcm> vaes_;
};
INSTANTIATE_TEST_SUITE_P(Keys, AesGcmOfKey, testing::Values(16, 32),
                         testing::PrintToStringParamName());

TEST_P(AesGcmOfKey, BothSealAndOpenTheSame) {
  for (size_t size = 0; size < 600; ++size) {
    const Bytes content = Content(size);
    const Bytes sealed = Seal(*library_, content);
    ASSERT_EQ(Seal(*vaes_, content), sealed) << size;
    ASSERT_TRUE(Opens(*library_, sealed, content)) << size;
    ASSERT_TRUE(Opens(*vaes_, sealed, content)) << size;
  }
  const Bytes content = Content(16 * 1024);
  const Bytes sealed = Seal(*library_, content);
  EXPECT_EQ(Seal(*vaes_, content), sealed);
  EXPECT_TRUE(Opens(*vaes_, sealed, content));
}

TEST_P(AesGcmOfKey, BothOpenInPlace) {
  for (const size_t size : {0, 1, 15, 16, 17, 127, 128, 129, 16 * 1024}) {
    const Bytes content = Content(size);
    for (AesGcm* gcm : {library_.get(), vaes_.get()}) {
      Bytes sealed = Seal(*library_, content);
      uint8_t type = 0;
      ASSERT_TRUE(gcm->Open(kNonce, kHeader, sealed.data(), size, sealed.data(), &type)) << size;
      EXPECT_EQ(type, kType);
      sealed.resize(size);
      EXPECT_EQ(sealed, content);
    }
  }
}

TEST_P(AesGcmOfKey, BothRefuseEveryChangedBit) {
  for (const size_t size : {0, 15, 16, 40, 300}) {
    const Bytes content = Content(size);
    Bytes sealed = Seal(*library_, content);
    for (size_t bit = 0; bit < 8 * sealed.size(); ++bit) {
      sealed[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      ASSERT_FALSE(Opens(*library_, sealed, content)) << size << " bit " << bit;
      ASSERT_FALSE(Opens(*vaes_, sealed, content)) << size << " bit " << bit;
      sealed[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    }
  }
}

TEST_P(AesGcmOfKey, BothRefuseAnotherNonceOrHeader) {
  const Bytes content = Content(100);
  const Bytes sealed = Seal(*vaes_, content);
  Bytes out(content.size());
  uint8_t type = 0;
  for (AesGcm* gcm : {library_.get(), vaes_.get()}) {
    for (size_t i = 0; i < kNonceSize; ++i) {
      Bytes nonce(kNonce, kNonce + kNonceSize);
      ++nonce[i];
      EXPECT_FALSE(gcm->Open(nonce.data(), kHeader, sealed.data(), 100, out.data(), &type));
    }
    for (size_t i = 0; i < kRecordHeaderSize; ++i) {
      Bytes header(kHeader, kHeader + kRecordHeaderSize);
      ++header[i];
      EXPECT_FALSE(gcm->Open(kNonce, header.data(), sealed.data(), 100, out.data(), &type));
    }
  }
}

}  // namespace
}  // namespace s3native::crt
