#include "crt/record_cipher.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>

#include <cstring>

namespace s3native::crt {
namespace {

bool IsAes128(const std::string& secret) { return secret.size() == 32; }

}  // namespace

RecordCipher::RecordCipher(std::string secret, uint64_t sequence)
    : secret_(std::move(secret)), sequence_(sequence) {
  UseSecret();
}

RecordCipher::~RecordCipher() { OPENSSL_cleanse(secret_.data(), secret_.size()); }

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
  std::string key = Expand("key", IsAes128(secret_) ? 16 : 32);
  gcm_ = MakeAesGcm(key);
  OPENSSL_cleanse(key.data(), key.size());
  iv_ = Expand("iv", kNonceSize);
}

void RecordCipher::Update() {
  std::string next = Expand("traffic upd", secret_.size());
  OPENSSL_cleanse(secret_.data(), secret_.size());
  secret_ = std::move(next);
  sequence_ = 0;
  UseSecret();
}

std::array<uint8_t, kNonceSize> RecordCipher::NextNonce() {
  std::array<uint8_t, kNonceSize> nonce;
  std::memcpy(nonce.data(), iv_.data(), kNonceSize);
  for (size_t i = 0; i < sizeof sequence_; ++i)
    nonce[kNonceSize - 1 - i] ^= static_cast<uint8_t>(sequence_ >> (8 * i));
  ++sequence_;
  return nonce;
}

std::optional<RecordContent> RecordCipher::Open(const uint8_t* record, size_t size,
                                                uint8_t* content) {
  if (size < kRecordOverhead || !gcm_) return std::nullopt;
  size_t length = size - kRecordOverhead;
  uint8_t type = 0;
  if (!gcm_->Open(NextNonce().data(), record, record + kRecordHeaderSize, length, content, &type))
    return std::nullopt;
  // Zeros behind the type are padding.
  while (type == 0 && length > 0) type = content[--length];
  return RecordContent{static_cast<RecordType>(type), length};
}

size_t RecordCipher::Seal(RecordType type, const uint8_t* content, size_t size, uint8_t* record) {
  const size_t length = size + 1 + kTagSize;
  const uint8_t header[] = {static_cast<uint8_t>(RecordType::kApplicationData), 3, 3,
                            static_cast<uint8_t>(length >> 8), static_cast<uint8_t>(length)};
  std::memcpy(record, header, kRecordHeaderSize);
  // It takes a broken libcrypto to fail; plain bytes must not go out.
  const bool sealed = gcm_ && gcm_->Seal(NextNonce().data(), header, content, size,
                                         static_cast<uint8_t>(type), record + kRecordHeaderSize);
  return sealed ? kRecordHeaderSize + length : 0;
}

}  // namespace s3native::crt
