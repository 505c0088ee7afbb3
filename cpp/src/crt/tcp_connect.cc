#include "crt/tcp_connect.h"

#include <aws/common/error.h>
#include <aws/common/string.h>
#include <aws/io/host_resolver.h>
#include <aws/io/socket.h>
#include <fcntl.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "crt/loop_task.h"
#include "endpoint.h"

namespace s3native::crt {
namespace {

// Keeps itself alive while something is under way.
class TcpConnector : public std::enable_shared_from_this<TcpConnector> {
 public:
  TcpConnector(aws_event_loop* loop, TcpTarget target, TcpConnected done)
      : loop_(loop), target_(std::move(target)), done_(std::move(done)) {}

  void Start(aws_host_resolver* resolver) {
    self_ = shared_from_this();
    if (!IsIpAddress(target_.host)) return Resolve(resolver);
    const bool v6 = target_.host.find(':') != std::string::npos;
    addresses_.emplace_back(target_.host, v6 ? AWS_SOCKET_IPV6 : AWS_SOCKET_IPV4);
    TryNext();
  }

 private:
  void Resolve(aws_host_resolver* resolver) {
    aws_string* name = aws_string_new_from_array(
        Allocator(), reinterpret_cast<const uint8_t*>(target_.host.data()), target_.host.size());
    const aws_host_resolution_config config = aws_host_resolver_init_default_resolution_config();
    const int failed = aws_host_resolver_resolve_host(resolver, name, OnResolved, &config, this);
    aws_string_destroy(name);
    if (failed != AWS_OP_SUCCESS) End(aws_last_error());
  }

  static void OnResolved(aws_host_resolver*, const aws_string*, int crt_code,
                         const aws_array_list* addresses, void* user_data) {
    auto* self = static_cast<TcpConnector*>(user_data);
    std::vector<std::pair<std::string, aws_socket_domain>> found;
    for (size_t i = 0; addresses != nullptr && i < aws_array_list_length(addresses); ++i) {
      aws_host_address* address = nullptr;
      aws_array_list_get_at_ptr(addresses, reinterpret_cast<void**>(&address), i);
      const bool v6 = address->record_type == AWS_ADDRESS_RECORD_TYPE_AAAA;
      found.emplace_back(aws_string_c_str(address->address),
                         v6 ? AWS_SOCKET_IPV6 : AWS_SOCKET_IPV4);
    }
    // Taken from the back: IPv4 first, which more networks can reach.
    std::stable_sort(found.begin(), found.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    Post(self->loop_, [self, found = std::move(found), crt_code] {
      if (crt_code != AWS_ERROR_SUCCESS) return self->End(crt_code);
      self->addresses_ = found;
      self->TryNext();
    });
  }

  void TryNext() {
    if (addresses_.empty()) return End(AWS_IO_DNS_NO_ADDRESS_FOR_HOST);
    const auto [address, domain] = std::move(addresses_.back());
    addresses_.pop_back();
    aws_socket_options options{};
    options.type = AWS_SOCKET_STREAM;
    options.domain = domain;
    options.connect_timeout_ms = target_.timeout_ms;
    if (aws_socket_init(&socket_, Allocator(), &options) != AWS_OP_SUCCESS)
      return End(aws_last_error());
    aws_socket_endpoint endpoint{};
    std::strncpy(endpoint.address, address.c_str(), sizeof endpoint.address - 1);
    endpoint.port = target_.port;
    aws_socket_connect_options connect{};
    connect.remote_endpoint = &endpoint;
    connect.event_loop = loop_;
    connect.on_connection_result = OnConnected;
    connect.user_data = this;
    if (aws_socket_connect(&socket_, &connect) != AWS_OP_SUCCESS) Tried(aws_last_error());
  }

  static void OnConnected(aws_socket*, int crt_code, void* user_data) {
    static_cast<TcpConnector*>(user_data)->Tried(crt_code);
  }

  // The socket is still in its caller's hands: what becomes of it comes after that has returned.
  void Tried(int crt_code) {
    Post(loop_, [this, crt_code] {
      int descriptor = -1;
      if (crt_code == AWS_ERROR_SUCCESS)
        descriptor = fcntl(socket_.io_handle.data.fd, F_DUPFD_CLOEXEC, 0);
      aws_socket_clean_up(&socket_);
      if (descriptor >= 0) return End(AWS_ERROR_SUCCESS, descriptor);
      if (crt_code == AWS_ERROR_SUCCESS) return End(AWS_ERROR_MAX_FDS_EXCEEDED);
      addresses_.empty() ? End(crt_code) : TryNext();
    });
  }

  void End(int crt_code, int descriptor = -1) {
    Post(loop_,
         [self = std::move(self_), crt_code, descriptor] { self->done_(crt_code, descriptor); });
  }

  aws_event_loop* const loop_;
  const TcpTarget target_;
  const TcpConnected done_;
  std::shared_ptr<TcpConnector> self_;
  std::vector<std::pair<std::string, aws_socket_domain>> addresses_;  // those not tried yet
  aws_socket socket_{};
};

}  // namespace

void ConnectTcp(aws_host_resolver* resolver, aws_event_loop* loop, TcpTarget target,
                TcpConnected done) {
  std::make_shared<TcpConnector>(loop, std::move(target), std::move(done))->Start(resolver);
}

}  // namespace s3native::crt
