// Owning pointers for the AWS CRT's reference-counted objects, and strings to cursors and back.
// Thread-safety: as std::unique_ptr. Ownership: each handle holds one reference and releases it.
#pragma once

#include <aws/auth/credentials.h>
#include <aws/common/byte_buf.h>
#include <aws/http/request_response.h>
#include <aws/io/channel_bootstrap.h>
#include <aws/io/event_loop.h>
#include <aws/io/host_resolver.h>
#include <aws/io/tls_channel_handler.h>

#include <memory>
#include <string>
#include <string_view>

namespace s3native::crt {

template <auto release>
struct Releaser {
  template <typename T>
  void operator()(T* object) const {
    release(object);
  }
};

using EventLoopGroup =
    std::unique_ptr<aws_event_loop_group, Releaser<aws_event_loop_group_release>>;
using HostResolver = std::unique_ptr<aws_host_resolver, Releaser<aws_host_resolver_release>>;
using Bootstrap = std::unique_ptr<aws_client_bootstrap, Releaser<aws_client_bootstrap_release>>;
using TlsContext = std::unique_ptr<aws_tls_ctx, Releaser<aws_tls_ctx_release>>;
using CredentialsProvider =
    std::unique_ptr<aws_credentials_provider, Releaser<aws_credentials_provider_release>>;
using HttpMessage = std::unique_ptr<aws_http_message, Releaser<aws_http_message_release>>;

inline aws_byte_cursor Cursor(std::string_view text) {
  return aws_byte_cursor_from_array(text.data(), text.size());
}
inline std::string_view View(aws_byte_cursor cursor) {
  return {reinterpret_cast<const char*>(cursor.ptr), cursor.len};
}

}  // namespace s3native::crt
