// AES-GCM (NIST SP 800-38D) of one TLS 1.3 record: a nonce of 96 bits, the record's header as
// additional data, and a plaintext that is the content with one byte behind it, the content's type.
// That byte is apart so that the content can be decrypted straight into memory that ends with it.
// Thread-safety: one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace s3native::crt {

constexpr size_t kRecordHeaderSize = 5;
constexpr size_t kNonceSize = 12;
constexpr size_t kTagSize = 16;

class AesGcm {
 public:
  virtual ~AesGcm() = default;
  // `sealed` holds `size` bytes of content, the type and the tag, encrypted; `content` has room for
  // `size` bytes and may be `sealed` itself. False when they are not genuine; `content` then holds
  // rubbish.
  virtual bool Open(const uint8_t* nonce, const uint8_t* header, const uint8_t* sealed, size_t size,
                    uint8_t* content, uint8_t* type) = 0;
  // The other way round: writes size + 1 + kTagSize bytes. False when the library failed.
  virtual bool Seal(const uint8_t* nonce, const uint8_t* header, const uint8_t* content,
                    size_t size, uint8_t type, uint8_t* sealed) = 0;
};

// With a key of 16 or 32 bytes, over libcrypto; nullptr when that failed.
std::unique_ptr<AesGcm> MakeLibraryAesGcm(const std::string& key);
// Over BoringSSL's kernel for VAES with AVX2, which takes half of the time that aws-lc takes on the
// processors it is for; nullptr on others.
std::unique_ptr<AesGcm> MakeVaesAesGcm(const std::string& key);
// The fastest of them here.
std::unique_ptr<AesGcm> MakeAesGcm(const std::string& key);

}  // namespace s3native::crt
