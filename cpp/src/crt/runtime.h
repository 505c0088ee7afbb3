// The AWS CRT's process-wide parts: library initialisation, event loops, resolver, bootstrap. One
// per process and event loop count; a forked child makes its own on first use and leaves the
// parent's untouched. Thread-safety: Get() from any thread; the members are constant. Ownership:
// shared; clients keep their runtime alive. The library itself is never torn down: at exit the
// kernel does that, without racing live threads.
#pragma once

#include <cstdint>
#include <memory>

#include "crt/handles.h"

namespace s3native::crt {

class Runtime {
 public:
  static std::shared_ptr<Runtime> Get(uint16_t event_loops);

  explicit Runtime(uint16_t event_loops);
  aws_allocator* allocator() const { return allocator_; }
  aws_client_bootstrap* bootstrap() const { return bootstrap_.get(); }
  aws_host_resolver* resolver() const { return resolver_.get(); }
  aws_event_loop_group* event_loops() const { return event_loops_.get(); }

 private:
  aws_allocator* allocator_;
  EventLoopGroup event_loops_;
  HostResolver resolver_;
  Bootstrap bootstrap_;
};

// The allocator every CRT object here is made with; initialises the library on first use.
aws_allocator* Allocator();

}  // namespace s3native::crt
