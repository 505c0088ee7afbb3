#include "crt/aes_gcm.h"

#include <openssl/aes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <cstring>

#include "crt/handles.h"

#ifdef S3NATIVE_HAS_VAES_KERNEL
// cpp/third_party/boringssl. Sizes are multiples of 16, `counter` is big-endian and not advanced.
struct alignas(32) VaesHashKey {
  uint64_t words[32];
};
extern "C" {
void gcm_init_vpclmulqdq_avx2(VaesHashKey* table, const uint64_t hash_key[2]);
void gcm_gmult_vpclmulqdq_avx2(uint8_t hash[16], const VaesHashKey* table);
void gcm_ghash_vpclmulqdq_avx2(uint8_t hash[16], const VaesHashKey* table, const uint8_t* in,
                               size_t size);
void aes_gcm_enc_update_vaes_avx2(const uint8_t* in, uint8_t* out, size_t size, const AES_KEY* key,
                                  const uint8_t counter[16], const VaesHashKey* table,
                                  uint8_t hash[16]);
void aes_gcm_dec_update_vaes_avx2(const uint8_t* in, uint8_t* out, size_t size, const AES_KEY* key,
                                  const uint8_t counter[16], const VaesHashKey* table,
                                  uint8_t hash[16]);
}
#endif

namespace s3native::crt {
namespace {

class LibraryAesGcm : public AesGcm {
 public:
  explicit LibraryAesGcm(const std::string& key) : context_(EVP_CIPHER_CTX_new()) {
    ready_ =
        context_ &&
        EVP_CipherInit_ex(context_.get(), key.size() == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm(),
                          nullptr, reinterpret_cast<const uint8_t*>(key.data()), nullptr, 1) == 1;
  }
  bool ready() const { return ready_; }

  bool Open(const uint8_t* nonce, const uint8_t* header, const uint8_t* sealed, size_t size,
            uint8_t* content, uint8_t* type) override {
    uint8_t tag[kTagSize];
    std::memcpy(tag, sealed + size + 1, kTagSize);
    EVP_CIPHER_CTX* context = context_.get();
    return Start(nonce, header, 0) && Update(sealed, size, content) &&
           Update(sealed + size, 1, type) &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, kTagSize, tag) == 1 &&
           EVP_CipherFinal_ex(context, tag, &done_) == 1;
  }

  bool Seal(const uint8_t* nonce, const uint8_t* header, const uint8_t* content, size_t size,
            uint8_t type, uint8_t* sealed) override {
    EVP_CIPHER_CTX* context = context_.get();
    uint8_t* tag = sealed + size + 1;
    return Start(nonce, header, 1) && Update(content, size, sealed) &&
           Update(&type, 1, sealed + size) && EVP_CipherFinal_ex(context, tag, &done_) == 1 &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, kTagSize, tag) == 1;
  }

 private:
  bool Start(const uint8_t* nonce, const uint8_t* header, int seal) {
    return EVP_CipherInit_ex(context_.get(), nullptr, nullptr, nullptr, nonce, seal) == 1 &&
           EVP_CipherUpdate(context_.get(), nullptr, &done_, header, kRecordHeaderSize) == 1;
  }
  bool Update(const uint8_t* in, size_t size, uint8_t* out) {
    return size == 0 ||
           EVP_CipherUpdate(context_.get(), out, &done_, in, static_cast<int>(size)) == 1;
  }

  std::unique_ptr<EVP_CIPHER_CTX, Releaser<EVP_CIPHER_CTX_free>> context_;
  bool ready_ = false;
  int done_ = 0;
};

#ifdef S3NATIVE_HAS_VAES_KERNEL

constexpr size_t kBlock = 16;

class VaesAesGcm : public AesGcm {
 public:
  explicit VaesAesGcm(const std::string& key) {
    AES_set_encrypt_key(reinterpret_cast<const uint8_t*>(key.data()),
                        static_cast<unsigned>(8 * key.size()), &key_);
    const uint8_t zeros[kBlock] = {};
    uint8_t hash_key[kBlock];
    AES_encrypt(zeros, hash_key, &key_);
    const uint64_t words[] = {FromBigEndian(hash_key), FromBigEndian(hash_key + 8)};
    gcm_init_vpclmulqdq_avx2(&table_, words);
    // The kernel reads the expanded key as libcrypto keeps it for AES-NI: is it kept like that?
    uint8_t hash[kBlock] = {};
    uint8_t same[kBlock];
    aes_gcm_enc_update_vaes_avx2(zeros, same, kBlock, &key_, zeros, &table_, hash);
    ready_ = std::memcmp(same, hash_key, kBlock) == 0;
    OPENSSL_cleanse(hash_key, sizeof hash_key);
    OPENSSL_cleanse(same, sizeof same);
  }
  ~VaesAesGcm() override {
    OPENSSL_cleanse(&key_, sizeof key_);
    OPENSSL_cleanse(&table_, sizeof table_);
  }
  bool ready() const { return ready_; }

  bool Open(const uint8_t* nonce, const uint8_t* header, const uint8_t* sealed, size_t size,
            uint8_t* content, uint8_t* type) override {
    State state(nonce, header, *this);
    const size_t whole = size / kBlock * kBlock;
    const size_t rest = size - whole;
    // The last block is the rest of the content and the type, hashed with zeros behind them.
    uint8_t last[kBlock] = {};
    std::memcpy(last, sealed + whole, rest + 1);
    uint8_t tag[kTagSize];
    std::memcpy(tag, sealed + size + 1, kTagSize);
    if (whole > 0)
      aes_gcm_dec_update_vaes_avx2(sealed, content, whole, &key_, state.counter, &table_,
                                   state.hash);
    state.SetCounter(2 + whole / kBlock);
    aes_gcm_dec_update_vaes_avx2(last, last, kBlock, &key_, state.counter, &table_, state.hash);
    state.Finish(size + 1, *this);
    if (rest > 0) std::memcpy(content + whole, last, rest);
    *type = last[rest];
    return CRYPTO_memcmp(state.hash, tag, kTagSize) == 0;
  }

  bool Seal(const uint8_t* nonce, const uint8_t* header, const uint8_t* content, size_t size,
            uint8_t type, uint8_t* sealed) override {
    State state(nonce, header, *this);
    const size_t whole = size / kBlock * kBlock;
    const size_t rest = size - whole;
    uint8_t last[kBlock] = {};
    if (rest > 0) std::memcpy(last, content + whole, rest);
    last[rest] = type;
    if (whole > 0)
      aes_gcm_enc_update_vaes_avx2(content, sealed, whole, &key_, state.counter, &table_,
                                   state.hash);
    state.SetCounter(2 + whole / kBlock);
    uint8_t stream[kBlock];
    AES_encrypt(state.counter, stream, &key_);
    for (size_t i = 0; i <= rest; ++i) last[i] ^= stream[i];
    gcm_ghash_vpclmulqdq_avx2(state.hash, &table_, last, kBlock);
    state.Finish(size + 1, *this);
    std::memcpy(sealed + whole, last, rest + 1);
    std::memcpy(sealed + size + 1, state.hash, kTagSize);
    return true;
  }

 private:
  static uint64_t FromBigEndian(const uint8_t* bytes) {
    uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8 | bytes[i];
    return value;
  }

  // What SP 800-38D keeps while it goes through a message.
  struct State {
    State(const uint8_t* nonce, const uint8_t* header, const VaesAesGcm& gcm) {
      std::memcpy(counter, nonce, kNonceSize);
      SetCounter(1);
      AES_encrypt(counter, mask, &gcm.key_);
      std::memcpy(hash, header, kRecordHeaderSize);
      gcm_gmult_vpclmulqdq_avx2(hash, &gcm.table_);
      SetCounter(2);
    }
    void SetCounter(size_t value) {
      for (size_t i = 0; i < 4; ++i) counter[15 - i] = static_cast<uint8_t>(value >> (8 * i));
    }
    // Makes the tag of the hash.
    void Finish(size_t size, const VaesAesGcm& gcm) {
      const uint64_t bits[] = {8 * kRecordHeaderSize, 8 * size};
      for (size_t i = 0; i < kBlock; ++i)
        hash[i] ^= static_cast<uint8_t>(bits[i / 8] >> (56 - 8 * (i % 8)));
      gcm_gmult_vpclmulqdq_avx2(hash, &gcm.table_);
      for (size_t i = 0; i < kBlock; ++i) hash[i] ^= mask[i];
    }

    uint8_t counter[kBlock];
    uint8_t mask[kBlock];
    uint8_t hash[kBlock] = {};
  };

  AES_KEY key_;
  VaesHashKey table_;
  bool ready_ = false;
};

// aws-lc has a kernel of its own for processors with AVX-512.
bool IsForVaesKernel() {
  return __builtin_cpu_supports("vaes") && __builtin_cpu_supports("vpclmulqdq") &&
         __builtin_cpu_supports("avx2") && !__builtin_cpu_supports("avx512vl");
}

#endif

}  // namespace

std::unique_ptr<AesGcm> MakeLibraryAesGcm(const std::string& key) {
  auto gcm = std::make_unique<LibraryAesGcm>(key);
  return gcm->ready() ? std::move(gcm) : nullptr;
}

std::unique_ptr<AesGcm> MakeVaesAesGcm([[maybe_unused]] const std::string& key) {
#ifdef S3NATIVE_HAS_VAES_KERNEL
  if (IsForVaesKernel()) {
    auto gcm = std::make_unique<VaesAesGcm>(key);
    if (gcm->ready()) return gcm;
  }
#endif
  return nullptr;
}

std::unique_ptr<AesGcm> MakeAesGcm(const std::string& key) {
  auto gcm = MakeVaesAesGcm(key);
  return gcm ? std::move(gcm) : MakeLibraryAesGcm(key);
}

}  // namespace s3native::crt
