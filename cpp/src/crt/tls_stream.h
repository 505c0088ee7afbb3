// TLS over a socket. s2n negotiates; TLS 1.3 records with AES-GCM are then opened straight into the
// caller's memory. s2n itself, which serves the other versions and ciphers to the end, decrypts
// into a buffer of its own, copies from there and wipes it: a quarter more CPU. aws-c-io's TLS
// channel handler copies once more. Thread-safety: TlsSettings from any thread, constant; a
// TlsStream from one thread at a time. Ownership: a stream shares its settings, and borrows its
// socket.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crt/handles.h"
#include "crt/record_cipher.h"
#include "s3native/config.h"

struct s2n_config;
struct s2n_connection;
extern "C" int s2n_connection_free(struct s2n_connection*);

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
  TlsStream(std::shared_ptr<TlsSettings> settings, const std::string& host, int socket);
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
  // What was taken, but not yet by the socket; until SendRest says kDone nothing more is.
  bool IsSending() const { return pending_size_ != 0; }
  TlsStatus SendRest();

 private:
  static int OnReceive(void* self, uint8_t* into, uint32_t size);
  static int OnSend(void* self, const uint8_t* data, uint32_t size);
  TlsStatus Failure() const;

  TlsStatus TakeOver();
  TlsStatus ReceiveRecords(uint8_t* into, size_t size, size_t* received);
  TlsStatus NextRecord(uint8_t* into, size_t room, size_t* received);
  TlsStatus TakeHandshake(const uint8_t* data, size_t size);
  TlsStatus Break(TlsStatus status);
  ssize_t Fill();
  TlsStatus SendRecords(const uint8_t* data, size_t size, size_t* sent);
  // Adds a record to the output.
  bool Seal(RecordType type, const uint8_t* data, size_t size);
  ssize_t SendNow(const uint8_t* data, size_t size);
  void SendLater(const uint8_t* data, size_t size);

  const std::shared_ptr<TlsSettings> settings_;
  const int socket_;
  std::unique_ptr<s2n_connection, Releaser<s2n_connection_free>> connection_;  // null: taken over
  std::vector<uint8_t> input_;  // encrypted, from input_begin_ to input_end_
  size_t input_begin_ = 0;
  size_t input_end_ = 0;
  std::vector<uint8_t> rest_;         // of what s2n sent
  const uint8_t* pending_ = nullptr;  // in rest_ or output_
  size_t pending_size_ = 0;

  // Once s2n has negotiated.
  std::unique_ptr<RecordCipher> from_server_;
  std::unique_ptr<RecordCipher> to_server_;
  size_t plain_begin_ = 0;  // in input_: decrypted there, and not taken yet
  size_t plain_end_ = 0;
  std::string handshake_;        // the begin of a message
  std::vector<uint8_t> output_;  // records; untouched while the rest of them is pending
  size_t output_size_ = 0;
  bool update_wanted_ = false;       // the server asked for new keys
  std::optional<TlsStatus> broken_;  // why nothing more is received
};

}  // namespace s3native::crt
