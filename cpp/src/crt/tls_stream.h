// TLS over a socket, by s2n: records are read many at a time and decrypted into the caller's
// memory. aws-c-io's TLS channel handler does the same through messages that are copied once more.
// Thread-safety: TlsSettings from any thread, constant; a TlsStream from one thread at a time.
// Ownership: a stream shares its settings, and borrows its socket.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "s3native/config.h"

struct s2n_config;
struct s2n_connection;

namespace s3native::crt {

class TlsSettings {
 public:
  // Trusts config.ca_bundle, or else what this machine trusts; kInvalidArgument when the bundle
  // cannot be read.
  static Result<std::shared_ptr<TlsSettings>> Create(const Config& config);
  ~TlsSettings();
  s2n_config* get() const { return config_; }

 private:
  s2n_config* config_ = nullptr;
};

// What a step of a stream came to.
enum class TlsStatus { kDone, kWouldBlock, kClosed, kFailed };

class TlsStream {
 public:
  // `send_rest` takes over the bytes that the socket would not accept at once; until it reports
  // them sent with OnRestSent, nothing more is sent.
  TlsStream(std::shared_ptr<TlsSettings> settings, const std::string& host, int socket,
            std::function<void(const char* data, size_t size)> send_rest);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  TlsStatus Negotiate();
  // Adds what was received to `received`, which stays 0 unless kDone.
  TlsStatus Receive(void* into, size_t size, size_t* received);
  // Takes some of the bytes; after kWouldBlock it must be called again with the same ones.
  TlsStatus Send(const void* data, size_t size, size_t* sent);
  // Bytes have been received that nobody has taken.
  bool HasInput() const;
  void OnRestSent() { rest_pending_ = false; }

 private:
  static int OnReceive(void* self, uint8_t* into, uint32_t size);
  static int OnSend(void* self, const uint8_t* data, uint32_t size);
  TlsStatus Failure() const;

  const std::shared_ptr<TlsSettings> settings_;
  const int socket_;
  const std::function<void(const char*, size_t)> send_rest_;
  s2n_connection* connection_;
  std::vector<uint8_t> input_;  // encrypted, from input_begin_ to input_end_
  size_t input_begin_ = 0;
  size_t input_end_ = 0;
  std::string rest_;
  bool rest_pending_ = false;
};

}  // namespace s3native::crt
