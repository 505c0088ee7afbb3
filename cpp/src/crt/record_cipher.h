// Record protection of TLS 1.3 (RFC 8446, section 5.2) with AES-GCM, for one direction of a
// connection: keys, nonces and the record's layout.
// Thread-safety: one thread at a time. Ownership: keeps the traffic secret, wipes it at the end.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "crt/aes_gcm.h"

namespace s3native::crt {

constexpr size_t kMaxRecordContent = 16 * 1024;
// What a record is longer than its content: the header, the content's type, and the tag.
constexpr size_t kRecordOverhead = kRecordHeaderSize + 1 + kTagSize;

enum class RecordType : uint8_t { kAlert = 21, kHandshake = 22, kApplicationData = 23 };

struct RecordContent {
  RecordType type;
  size_t size;
};

class RecordCipher {
 public:
  // A traffic secret of 32 bytes means TLS_AES_128_GCM_SHA256, one of 48 TLS_AES_256_GCM_SHA384.
  // `sequence` counts the records that went before.
  explicit RecordCipher(std::string secret, uint64_t sequence = 0);
  ~RecordCipher();
  RecordCipher(const RecordCipher&) = delete;
  RecordCipher& operator=(const RecordCipher&) = delete;

  // Decrypts a record of `size` bytes, its header included, to `content`, which has room for
  // size - kRecordOverhead bytes and may be where the record's encrypted bytes begin. Nothing when
  // the record is not genuine; `content` then holds rubbish.
  std::optional<RecordContent> Open(const uint8_t* record, size_t size, uint8_t* content);
  // Writes the record of up to kMaxRecordContent bytes of content, and returns its size.
  size_t Seal(RecordType type, const uint8_t* content, size_t size, uint8_t* record);
  // The next generation of keys, after a KeyUpdate message.
  void Update();
  // Records since the keys are in use.
  uint64_t sequence() const { return sequence_; }

 private:
  // HKDF-Expand-Label with an empty context (RFC 8446, section 7.1).
  std::string Expand(const char* label, size_t size) const;
  void UseSecret();
  // The nonce of the next record.
  std::array<uint8_t, kNonceSize> NextNonce();

  std::string secret_;
  std::string iv_;
  uint64_t sequence_;
  std::unique_ptr<AesGcm> gcm_;  // nullptr when libcrypto refused to make one
};

}  // namespace s3native::crt
