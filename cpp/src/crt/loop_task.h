// Functions run on an event loop's thread.
// Thread-safety: any thread. Ownership: the function, and what it captured, is destroyed after it
// ran.
#pragma once

#include <aws/io/event_loop.h>

#include <cstdint>
#include <functional>

namespace s3native::crt {

void Post(aws_event_loop* loop, std::function<void()> function);
void PostAfter(aws_event_loop* loop, uint64_t delay_ms, std::function<void()> function);

}  // namespace s3native::crt
