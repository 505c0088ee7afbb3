#include "crt/record_cipher.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>

#include <cstring>

namespace s3native::crt {
namespace {

constexpr size_t kTagSize = 16;
constexpr size_t kIvSize = 12;

bool IsAes128(const std::string& secret) { return secret.size() == 32; }

}  // namespace

RecordCipher::RecordCipher(std::string secret, uint64_t sequence)
    : secret_(std::move(secret)), sequence_(sequence), context_(EVP_CIPHER_CTX_new()) {
  UseSecret();
}

RecordCipher::~RecordCipher() {
  OPENSSL_cleanse(secret_.data(), secret_.size());
  OPENSSL_cleanse(key_.data(), key_.size());
}

std::string RecordCipher::Expand(const char* label, size_t size) const {
  const std::string full = std::string("tls13 ") + label;
  std::string info = {static_cast<char>(size >> 8), static_cast<char>(size)};
  info += static_cast<char>(full.size());
  info += full;
  info += '\0';    // the length of the context
  info += '\x01';  // the counter of HKDF-Expand: no output here is longer than a hash
  std::string out(EVP_MAX_MD_SIZE, '\0');
  HMAC(IsAes128(secret_) ? EVP_sha256() : EVP_sha384(), secret_.data(),
       static_cast<int>(secret_.size()), reinterpret_cast<const uint8_t*>(info.data()), info.size(),
       reinterpret_cast<uint8_t*>(out.data()), nullptr);
  out.resize(size);
  return out;
}

void RecordCipher::UseSecret() {
  key_ = Expand("key", IsAes128(secret_) ? 16 : 32);
  iv_ = Expand("iv", kIvSize);
  EVP_CIPHER_CTX_reset(context_.get());
}

void RecordCipher::Update() {
  std::string next = Expand("traffic upd", secret_.size());
  OPENSSL_cleanse(secret_.data(), secret_.size());
  secret_ = std::move(next);
  sequence_ = 0;
  UseSecret();
}

// Sets the key when it is new, and this record's nonce and additional data.
bool RecordCipher::Start(const uint8_t* header, bool seal) {
  EVP_CIPHER_CTX* context = context_.get();
  if (EVP_CIPHER_CTX_cipher(context) == nullptr) {
    const EVP_CIPHER* cipher = IsAes128(secret_) ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
    if (EVP_CipherInit_ex(context, cipher, nullptr, reinterpret_cast<const uint8_t*>(key_.data()),
                          nullptr, seal) != 1)
      return false;
  }
  uint8_t nonce[kIvSize];
  std::memcpy(nonce, iv_.data(), kIvSize);
  for (size_t i = 0; i < sizeof sequence_; ++i)
    nonce[kIvSize - 1 - i] ^= static_cast<uint8_t>(sequence_ >> (8 * i));
  ++sequence_;
  int unused = 0;
  return EVP_CipherInit_ex(context, nullptr, nullptr, nullptr, nonce, seal) == 1 &&
         EVP_CipherUpdate(context, nullptr, &unused, header, kRecordHeaderSize) == 1;
}

std::optional<RecordContent> RecordCipher::Open(const uint8_t* record, size_t size,
                                                uint8_t* content) {
  if (size < kRecordOverhead) return std::nullopt;
  const uint8_t* encrypted = record + kRecordHeaderSize;
  size_t length = size - kRecordOverhead;
  uint8_t tag[kTagSize];
  std::memcpy(tag, record + size - kTagSize, kTagSize);
  EVP_CIPHER_CTX* context = context_.get();
  uint8_t type = 0;
  int done = 0;
  const bool genuine = Start(record, false) &&
                       (length == 0 || EVP_CipherUpdate(context, content, &done, encrypted,
                                                        static_cast<int>(length)) == 1) &&
                       EVP_CipherUpdate(context, &type, &done, encrypted + length, 1) == 1 &&
                       EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, kTagSize, tag) == 1 &&
                       EVP_CipherFinal_ex(context, tag, &done) == 1;
  if (!genuine) return std::nullopt;
  // Zeros behind the type are padding.
  while (type == 0 && length > 0) type = content[--length];
  return RecordContent{static_cast<RecordType>(type), length};
}

size_t RecordCipher::Seal(RecordType type, const uint8_t* content, size_t size, uint8_t* record) {
  const size_t length = size + 1 + kTagSize;
  const uint8_t header[] = {static_cast<uint8_t>(RecordType::kApplicationData), 3, 3,
                            static_cast<uint8_t>(length >> 8), static_cast<uint8_t>(length)};
  std::memcpy(record, header, kRecordHeaderSize);
  uint8_t* encrypted = record + kRecordHeaderSize;
  const auto inner_type = static_cast<uint8_t>(type);
  EVP_CIPHER_CTX* context = context_.get();
  int done = 0;
  const bool sealed =
      Start(record, true) &&
      (size == 0 ||
       EVP_CipherUpdate(context, encrypted, &done, content, static_cast<int>(size)) == 1) &&
      EVP_CipherUpdate(context, encrypted + size, &done, &inner_type, 1) == 1 &&
      EVP_CipherFinal_ex(context, encrypted + size + 1, &done) == 1 &&
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, kTagSize, encrypted + size + 1) == 1;
  // It takes a broken libcrypto; plain bytes must not go out.
  return sealed ? kRecordHeaderSize + length : 0;
}

}  // namespace s3native::crt
