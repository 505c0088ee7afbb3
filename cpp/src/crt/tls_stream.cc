#include "crt/tls_stream.h"

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
constexpr uint32_t kSendBufferSize = 128 * 1024;

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
      s2n_config_set_send_buffer_size(settings->config_, kSendBufferSize) == S2N_SUCCESS) {
    return settings;
  }
  return TlsSetupError(config.ca_bundle, s2n_strerror(s2n_errno, "EN"));
}

TlsSettings::~TlsSettings() {
  if (config_ != nullptr) s2n_config_free(config_);
}

TlsStream::TlsStream(std::shared_ptr<TlsSettings> settings, const std::string& host, int socket,
                     std::function<void(const char*, size_t)> send_rest)
    : settings_(std::move(settings)),
      socket_(socket),
      send_rest_(std::move(send_rest)),
      connection_(s2n_connection_new(S2N_CLIENT)),
      input_(kInputSize) {
  s2n_connection_set_config(connection_, settings_->get());
  s2n_set_server_name(connection_, host.c_str());
  s2n_connection_set_recv_cb(connection_, OnReceive);
  s2n_connection_set_recv_ctx(connection_, this);
  s2n_connection_set_send_cb(connection_, OnSend);
  s2n_connection_set_send_ctx(connection_, this);
  // A failed connection is closed at once, which leaks no timing: no need to sleep before.
  s2n_connection_set_blinding(connection_, S2N_SELF_SERVICE_BLINDING);
  s2n_connection_prefer_throughput(connection_);
}

TlsStream::~TlsStream() { s2n_connection_free(connection_); }

int TlsStream::OnReceive(void* self, uint8_t* into, uint32_t size) {
  auto* stream = static_cast<TlsStream*>(self);
  if (stream->input_begin_ == stream->input_end_) {
    const ssize_t received = recv(stream->socket_, stream->input_.data(), stream->input_.size(), 0);
    if (received <= 0) return static_cast<int>(received);
    stream->input_begin_ = 0;
    stream->input_end_ = static_cast<size_t>(received);
  }
  const size_t count = std::min<size_t>(size, stream->input_end_ - stream->input_begin_);
  std::memcpy(into, stream->input_.data() + stream->input_begin_, count);
  stream->input_begin_ += count;
  return static_cast<int>(count);
}

int TlsStream::OnSend(void* self, const uint8_t* data, uint32_t size) {
  auto* stream = static_cast<TlsStream*>(self);
  if (stream->rest_pending_) {
    errno = EAGAIN;
    return -1;
  }
  const ssize_t sent = send(stream->socket_, data, size, MSG_NOSIGNAL);
  if (sent >= 0) return static_cast<int>(sent);
  if (errno != EAGAIN && errno != EWOULDBLOCK) return -1;
  stream->rest_.assign(reinterpret_cast<const char*>(data), size);
  stream->rest_pending_ = true;
  stream->send_rest_(stream->rest_.data(), stream->rest_.size());
  return static_cast<int>(size);
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
  if (s2n_negotiate(connection_, &blocked) == S2N_SUCCESS) return TlsStatus::kDone;
  return Failure();
}

TlsStatus TlsStream::Receive(void* into, size_t size, size_t* received) {
  s2n_blocked_status blocked = S2N_NOT_BLOCKED;
  const ssize_t count = s2n_recv(connection_, into, static_cast<ssize_t>(size), &blocked);
  if (count == 0) return TlsStatus::kClosed;
  if (count < 0) return Failure();
  *received += static_cast<size_t>(count);
  return TlsStatus::kDone;
}

bool TlsStream::HasInput() const {
  return input_begin_ != input_end_ || s2n_peek(connection_) != 0;
}

TlsStatus TlsStream::Send(const void* data, size_t size, size_t* sent) {
  s2n_blocked_status blocked = S2N_NOT_BLOCKED;
  const ssize_t count = s2n_send(connection_, data, static_cast<ssize_t>(size), &blocked);
  if (count < 0) return Failure();
  *sent += static_cast<size_t>(count);
  return TlsStatus::kDone;
}

}  // namespace s3native::crt
