// A connected socket, watched by an event loop or by nobody: then whoever has it waits for it.
// Thread-safety: one thread at a time; Watch and Unwatch on the loop's thread, and until it is
// unwatched everything else there, too. Ownership: owns the descriptor; borrows the loop.
#pragma once

#include <aws/io/event_loop.h>

#include <functional>

namespace s3native::crt {

struct SocketEvents {
  bool readable = false;
  bool writable = false;
  int crt_code = 0;  // why nothing follows what is still to be received
};

// The CRT's code for what a call on a socket says.
int CodeOfErrno(int error);

class WatchedSocket {
 public:
  using Handler = std::function<void(SocketEvents)>;

  explicit WatchedSocket(int descriptor) { handle_.data.fd = descriptor; }
  ~WatchedSocket() { Close(); }
  WatchedSocket(const WatchedSocket&) = delete;
  WatchedSocket& operator=(const WatchedSocket&) = delete;

  int descriptor() const { return handle_.data.fd; }
  bool watched() const { return loop_ != nullptr; }
  // Calls `handler` on the loop's thread whenever more can be received or sent; false when the loop
  // will not. It may close the socket, but not destroy it.
  bool Watch(aws_event_loop* loop, Handler handler);
  void Unwatch();
  // What happens to an unwatched socket within `time_ms`; nothing also when a signal came.
  SocketEvents Wait(bool until_writable, int time_ms) const;
  void Close();

 private:
  static void OnEvent(aws_event_loop*, aws_io_handle*, int events, void* self);
  int PendingError() const;

  aws_io_handle handle_{};
  aws_event_loop* loop_ = nullptr;
  Handler handler_;
};

}  // namespace s3native::crt
