#include "crt/tls_stream.h"

#include <openssl/crypto.h>
#include <s2n.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "crt/errors.h"

namespace s3native::crt {
namespace {

// As aws-c-io: TLS 1.2 at least, with a hybrid post-quantum key exchange where the server has it.
constexpr char kSecurityPolicy[] = "AWS-CRT-SDK-TLSv1.2-2025-PQ";
// Encrypted bytes per read of the socket: eight records, which stay in the second-level cache.
constexpr size_t kInputSize = 128 * 1024;
// Records gathered for one write of the socket.
constexpr size_t kRecordsPerWrite = 8;
constexpr size_t kOutputSize = kRecordsPerWrite * (kMaxRecordContent + kRecordOverhead);
// A record may be longer than its content by this (RFC 8446, section 5.2).
constexpr size_t kMaxRecordExpansion = 256;
// AES-GCM keeps its promises for 2^24.5 records (RFC 8446, section 5.5).
constexpr uint64_t kRecordsPerKey = uint64_t{1} << 23;
// Session tickets, the longest messages after the handshake, are of 1 to 4 KiB.
constexpr size_t kMaxHandshakeMessage = 64 * 1024;

// The layout of s2n_connection_serialize's first version, which s2n promises to keep: of these
// sizes the format's version, the protocol's, the cipher suite, two sequence numbers, and a length.
constexpr size_t kSerializedFixedSize = 8 + 2 + 2 + 8 + 8 + 2;
constexpr size_t kClientSequenceAt = 8 + 2 + 2;
constexpr size_t kServerSequenceAt = kClientSequenceAt + 8;

// Where distributions keep the certificates they trust (the list of Go's crypto/x509).
constexpr const char* kTrustStores[] = {
    "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Ubuntu, Gentoo
    "/etc/pki/tls/certs/ca-bundle.crt",                   // Fedora, RHEL 6
    "/etc/ssl/ca-bundle.pem",                             // openSUSE
    "/etc/pki/tls/cacert.pem",                            // OpenELEC
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // CentOS, RHEL 7
    "/etc/ssl/cert.pem",                                  // Alpine
};

bool Trust(const Config& config, s2n_config* out) {
  if (!config.verify_ssl) return s2n_config_disable_x509_verification(out) == S2N_SUCCESS;
  if (!config.ca_bundle.empty()) {
    return s2n_config_wipe_trust_store(out) == S2N_SUCCESS &&
           s2n_config_set_verification_ca_location(out, config.ca_bundle.c_str(), nullptr) ==
               S2N_SUCCESS;
  }
  for (const char* path : kTrustStores) {
    if (access(path, R_OK) == 0)
      return s2n_config_set_verification_ca_location(out, path, nullptr) == S2N_SUCCESS;
  }
  return true;  // what libcrypto found by itself
}

}  // namespace

Result<std::shared_ptr<TlsSettings>> TlsSettings::Create(const Config& config) {
  auto settings = std::make_shared<TlsSettings>();
  settings->config_ = s2n_config_new();
  if (settings->config_ != nullptr && Trust(config, settings->config_) &&
      s2n_config_set_cipher_preferences(settings->config_, kSecurityPolicy) == S2N_SUCCESS &&
      s2n_config_set_send_buffer_size(settings->config_, kOutputSize) == S2N_SUCCESS &&
      s2n_config_set_serialization_version(settings->config_, S2N_SERIALIZED_CONN_V1) ==
          S2N_SUCCESS) {
    return settings;
  }
  return TlsSetupError(config.ca_bundle, s2n_strerror(s2n_errno, "EN"));
}

TlsSettings::~TlsSettings() {
  if (config_ != nullptr) s2n_config_free(config_);
}

TlsStream::TlsStream(std::shared_ptr<TlsSettings> settings, const std::string& host, int socket)
    : settings_(std::move(settings)),
      socket_(socket),
      connection_(s2n_connection_new(S2N_CLIENT)),
      input_(kInputSize) {
  s2n_connection_set_config(connection_.get(), settings_->get());
  s2n_set_server_name(connection_.get(), host.c_str());
  s2n_connection_set_recv_cb(connection_.get(), OnReceive);
  s2n_connection_set_recv_ctx(connection_.get(), this);
  s2n_connection_set_send_cb(connection_.get(), OnSend);
  s2n_connection_set_send_ctx(connection_.get(), this);
  // A failed connection is closed at once, which leaks no timing: no need to sleep before.
  s2n_connection_set_blinding(connection_.get(), S2N_SELF_SERVICE_BLINDING);
  s2n_connection_prefer_throughput(connection_.get());
}

TlsStream::~TlsStream() = default;

int TlsStream::OnReceive(void* self, uint8_t* into, uint32_t size) {
  auto* stream = static_cast<TlsStream*>(self);
  if (stream->input_begin_ == stream->input_end_) {
    const ssize_t received = stream->Fill();
    if (received <= 0) return static_cast<int>(received);
  }
  const size_t count = std::min<size_t>(size, stream->input_end_ - stream->input_begin_);
  std::memcpy(into, stream->input_.data() + stream->input_begin_, count);
  stream->input_begin_ += count;
  return static_cast<int>(count);
}

int TlsStream::OnSend(void* self, const uint8_t* data, uint32_t size) {
  auto* stream = static_cast<TlsStream*>(self);
  if (stream->IsSending()) {
    errno = EAGAIN;
    return -1;
  }
  const ssize_t sent = stream->SendNow(data, size);
  if (sent < 0) return -1;
  stream->rest_.assign(data + sent, data + size);
  stream->SendLater(stream->rest_.data(), stream->rest_.size());
  return static_cast<int>(size);
}

// What the socket takes at once, or -1.
ssize_t TlsStream::SendNow(const uint8_t* data, size_t size) {
  const ssize_t sent = send(socket_, data, size, MSG_NOSIGNAL);
  if (sent >= 0) return sent;
  return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
}

// The bytes must stay where they are until SendRest has sent them.
void TlsStream::SendLater(const uint8_t* data, size_t size) {
  pending_ = data;
  pending_size_ = size;
}

TlsStatus TlsStream::SendRest() {
  while (IsSending()) {
    const ssize_t sent = SendNow(pending_, pending_size_);
    if (sent < 0) return TlsStatus::kClosed;
    if (sent == 0) return TlsStatus::kWouldBlock;
    SendLater(pending_ + sent, pending_size_ - static_cast<size_t>(sent));
  }
  return TlsStatus::kDone;
}

// Reads the socket; the result is recv's.
ssize_t TlsStream::Fill() {
  const size_t left = input_end_ - input_begin_;
  if (left != 0) std::memmove(input_.data(), input_.data() + input_begin_, left);
  input_begin_ = 0;
  input_end_ = left;
  const ssize_t received = recv(socket_, input_.data() + left, input_.size() - left, 0);
  if (received > 0) input_end_ += static_cast<size_t>(received);
  return received;
}

TlsStatus TlsStream::Failure() const {
  switch (s2n_error_get_type(s2n_errno)) {
    case S2N_ERR_T_BLOCKED:
      return TlsStatus::kWouldBlock;
    case S2N_ERR_T_CLOSED:
    case S2N_ERR_T_IO:
      return TlsStatus::kClosed;
    default:
      return TlsStatus::kFailed;
  }
}

TlsStatus TlsStream::Negotiate() {
  s2n_blocked_status blocked = S2N_NOT_BLOCKED;
  if (s2n_negotiate(connection_.get(), &blocked) == S2N_SUCCESS) return TakeOver();
  return Failure();
}

TlsStatus TlsStream::Receive(void* into, size_t size, size_t* received) {
  if (from_server_) return ReceiveRecords(static_cast<uint8_t*>(into), size, received);
  s2n_blocked_status blocked = S2N_NOT_BLOCKED;
  const ssize_t count = s2n_recv(connection_.get(), into, static_cast<ssize_t>(size), &blocked);
  if (count == 0) return TlsStatus::kClosed;
  if (count < 0) return Failure();
  *received += static_cast<size_t>(count);
  return TlsStatus::kDone;
}

bool TlsStream::HasInput() const {
  if (input_begin_ != input_end_) return true;
  return from_server_ ? plain_begin_ != plain_end_ : s2n_peek(connection_.get()) != 0;
}

TlsStatus TlsStream::Send(const void* data, size_t size, size_t* sent) {
  if (to_server_) return SendRecords(static_cast<const uint8_t*>(data), size, sent);
  s2n_blocked_status blocked = S2N_NOT_BLOCKED;
  const ssize_t count = s2n_send(connection_.get(), data, static_cast<ssize_t>(size), &blocked);
  if (count < 0) return Failure();
  *sent += static_cast<size_t>(count);
  return TlsStatus::kDone;
}

// ---- TLS 1.3 records ----

// The connection's secrets, when its records are of the kind that RecordCipher protects.
TlsStatus TlsStream::TakeOver() {
  uint8_t suite[2] = {};
  if (s2n_connection_get_actual_protocol_version(connection_.get()) != S2N_TLS13 ||
      s2n_connection_get_cipher_iana_value(connection_.get(), &suite[0], &suite[1]) !=
          S2N_SUCCESS ||
      suite[0] != 0x13 || (suite[1] != 0x01 && suite[1] != 0x02))
    return TlsStatus::kDone;
  uint32_t size = 0;
  if (s2n_connection_serialization_length(connection_.get(), &size) != S2N_SUCCESS)
    return TlsStatus::kFailed;
  std::vector<uint8_t> state(size);
  const size_t secret_size = suite[1] == 0x01 ? 32 : 48;
  if (size < kSerializedFixedSize + 2 * secret_size ||
      s2n_connection_serialize(connection_.get(), state.data(), size) != S2N_SUCCESS)
    return TlsStatus::kFailed;
  const auto cipher = [&](size_t secret_at, size_t sequence_at) {
    uint64_t sequence = 0;
    for (size_t i = 0; i < sizeof sequence; ++i) sequence = sequence << 8 | state[sequence_at + i];
    const auto* secret = reinterpret_cast<const char*>(state.data() + secret_at);
    return std::make_unique<RecordCipher>(std::string(secret, secret_size), sequence);
  };
  to_server_ = cipher(kSerializedFixedSize, kClientSequenceAt);
  from_server_ = cipher(kSerializedFixedSize + secret_size, kServerSequenceAt);
  OPENSSL_cleanse(state.data(), state.size());
  connection_.reset();
  return TlsStatus::kDone;
}

TlsStatus TlsStream::Break(TlsStatus status) {
  broken_ = status;
  return status;
}

// What is there, from one read of the socket at most.
TlsStatus TlsStream::ReceiveRecords(uint8_t* into, size_t size, size_t* received) {
  while (*received < size) {
    if (plain_begin_ != plain_end_) {
      const size_t count = std::min(size - *received, plain_end_ - plain_begin_);
      std::memcpy(into + *received, input_.data() + plain_begin_, count);
      plain_begin_ += count;
      *received += count;
      continue;
    }
    const TlsStatus status =
        broken_ ? *broken_ : NextRecord(into + *received, size - *received, received);
    if (status == TlsStatus::kDone) continue;
    if (*received != 0) return TlsStatus::kDone;
    if (status != TlsStatus::kWouldBlock) return status;
    const ssize_t filled = Fill();
    if (filled > 0) continue;
    const bool empty = filled < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    return empty ? TlsStatus::kWouldBlock : TlsStatus::kClosed;
  }
  return TlsStatus::kDone;
}

// Opens a record that is here as a whole: into the caller's memory when it has room for all of it.
TlsStatus TlsStream::NextRecord(uint8_t* into, size_t room, size_t* received) {
  const size_t available = input_end_ - input_begin_;
  if (available < kRecordHeaderSize) return TlsStatus::kWouldBlock;
  uint8_t* record = input_.data() + input_begin_;
  const size_t size = kRecordHeaderSize + (size_t{record[3]} << 8 | record[4]);
  if (record[0] != static_cast<uint8_t>(RecordType::kApplicationData) || size < kRecordOverhead ||
      size > kRecordHeaderSize + kMaxRecordContent + kMaxRecordExpansion)
    return Break(TlsStatus::kFailed);
  if (available < size) return TlsStatus::kWouldBlock;
  input_begin_ += size;
  const bool direct = size - kRecordOverhead <= room;
  uint8_t* content = direct ? into : record + kRecordHeaderSize;
  const std::optional<RecordContent> opened = from_server_->Open(record, size, content);
  if (!opened || opened->size > kMaxRecordContent) return Break(TlsStatus::kFailed);
  switch (opened->type) {
    case RecordType::kApplicationData:
      if (direct) {
        *received += opened->size;
      } else {
        plain_begin_ = static_cast<size_t>(content - input_.data());
        plain_end_ = plain_begin_ + opened->size;
      }
      return TlsStatus::kDone;
    case RecordType::kHandshake:
      return TakeHandshake(content, opened->size);
    case RecordType::kAlert: {
      const bool close_notify = opened->size == 2 && content[1] == 0;
      return Break(close_notify ? TlsStatus::kClosed : TlsStatus::kFailed);
    }
  }
  return Break(TlsStatus::kFailed);
}

// Messages after the handshake: session tickets, which are not used, and new keys.
TlsStatus TlsStream::TakeHandshake(const uint8_t* data, size_t size) {
  constexpr size_t kMessageHeaderSize = 4;
  constexpr char kNewSessionTicket = 4;
  constexpr char kKeyUpdate = 24;
  if (size == 0) return Break(TlsStatus::kFailed);
  handshake_.append(reinterpret_cast<const char*>(data), size);
  while (handshake_.size() >= kMessageHeaderSize) {
    const auto* header = reinterpret_cast<const uint8_t*>(handshake_.data());
    const size_t length = size_t{header[1]} << 16 | size_t{header[2]} << 8 | header[3];
    if (length > kMaxHandshakeMessage) return Break(TlsStatus::kFailed);
    if (handshake_.size() < kMessageHeaderSize + length) return TlsStatus::kDone;
    if (handshake_[0] == kKeyUpdate) {
      // It ends its record, and says whether it wants our keys to change as well.
      if (length != 1 || handshake_.size() != kMessageHeaderSize + 1 || header[4] > 1)
        return Break(TlsStatus::kFailed);
      update_wanted_ |= header[4] == 1;
      from_server_->Update();
    } else if (handshake_[0] != kNewSessionTicket) {
      return Break(TlsStatus::kFailed);
    }
    handshake_.erase(0, kMessageHeaderSize + length);
  }
  return TlsStatus::kDone;
}

bool TlsStream::Seal(RecordType type, const uint8_t* data, size_t size) {
  output_.resize(std::max(output_.size(), output_size_ + size + kRecordOverhead));
  const size_t sealed = to_server_->Seal(type, data, size, output_.data() + output_size_);
  output_size_ += sealed;
  return sealed != 0;
}

TlsStatus TlsStream::SendRecords(const uint8_t* data, size_t size, size_t* sent) {
  if (IsSending()) return TlsStatus::kWouldBlock;
  output_size_ = 0;
  size_t records = kRecordsPerWrite;
  if (update_wanted_ || to_server_->sequence() >= kRecordsPerKey) {
    constexpr uint8_t kKeyUpdateNotRequested[] = {24, 0, 0, 1, 0};
    if (!Seal(RecordType::kHandshake, kKeyUpdateNotRequested, sizeof kKeyUpdateNotRequested))
      return TlsStatus::kFailed;
    to_server_->Update();
    update_wanted_ = false;
    --records;
  }
  size_t taken = 0;
  for (; records > 0 && taken < size; --records) {
    const size_t count = std::min(size - taken, kMaxRecordContent);
    if (!Seal(RecordType::kApplicationData, data + taken, count)) return TlsStatus::kFailed;
    taken += count;
  }
  const ssize_t done = SendNow(output_.data(), output_size_);
  if (done < 0) return TlsStatus::kClosed;
  SendLater(output_.data() + done, output_size_ - static_cast<size_t>(done));
  *sent += taken;
  return TlsStatus::kDone;
}

}  // namespace s3native::crt
