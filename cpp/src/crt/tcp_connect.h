// TCP connections on an event loop: a name is resolved, and its addresses are tried one after
// another, IPv4 first. Thread-safety: call on the loop's thread; `done` runs there, once, not
// inside the call. Ownership: the descriptor, non-blocking, is the receiver's.
#pragma once

#include <aws/io/event_loop.h>

#include <cstdint>
#include <functional>
#include <string>

#include "crt/runtime.h"

namespace s3native::crt {

struct TcpTarget {
  std::string host;  // a name or an address
  uint32_t port = 0;
  uint32_t timeout_ms = 0;  // for each address
};

// `descriptor` is -1 when `crt_code` says why there is no connection.
using TcpConnected = std::function<void(int crt_code, int descriptor)>;

void ConnectTcp(aws_host_resolver* resolver, aws_event_loop* loop, TcpTarget target,
                TcpConnected done);

}  // namespace s3native::crt
