#include "crt/watched_socket.h"

#include <aws/io/io.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

// Exported by aws-c-io, but declared in a header that it does not install
// (aws/io/private/event_loop_impl.h): aws_socket, which uses them, cannot let go of its descriptor
// or take one.
extern "C" {
AWS_IO_API int aws_event_loop_subscribe_to_io_events(aws_event_loop* loop, aws_io_handle* handle,
                                                     int events,
                                                     aws_event_loop_on_event_fn* on_event,
                                                     void* user_data);
AWS_IO_API int aws_event_loop_unsubscribe_from_io_events(aws_event_loop* loop,
                                                         aws_io_handle* handle);
}

namespace s3native::crt {
namespace {

// aws_io_event_type, of the same header.
constexpr int kReadable = 1;
constexpr int kWritable = 2;
constexpr int kRemoteHangUp = 4;
constexpr int kClosed = 8;
constexpr int kError = 16;

}  // namespace

int CodeOfErrno(int error) {
  switch (error) {
    case EAGAIN:
#if EAGAIN != EWOULDBLOCK
    case EWOULDBLOCK:
#endif
      return AWS_IO_READ_WOULD_BLOCK;
    case ETIMEDOUT:
      return AWS_IO_SOCKET_TIMEOUT;
    default:
      return AWS_IO_SOCKET_CLOSED;
  }
}

bool WatchedSocket::Watch(aws_event_loop* loop, Handler handler) {
  handler_ = std::move(handler);
  if (aws_event_loop_subscribe_to_io_events(loop, &handle_, kReadable | kWritable, OnEvent, this) !=
      AWS_OP_SUCCESS)
    return false;
  loop_ = loop;
  return true;
}

void WatchedSocket::Unwatch() {
  if (loop_ == nullptr) return;
  aws_event_loop_unsubscribe_from_io_events(loop_, &handle_);
  loop_ = nullptr;
}

void WatchedSocket::Close() {
  Unwatch();
  if (handle_.data.fd >= 0) close(handle_.data.fd);
  handle_.data.fd = -1;
}

void WatchedSocket::OnEvent(aws_event_loop*, aws_io_handle*, int events, void* self) {
  auto* socket = static_cast<WatchedSocket*>(self);
  SocketEvents happened;
  happened.readable = (events & kReadable) != 0;
  happened.writable = (events & kWritable) != 0;
  if ((events & kError) != 0)
    happened.crt_code = socket->PendingError();
  else if ((events & (kRemoteHangUp | kClosed)) != 0)
    happened.crt_code = AWS_IO_SOCKET_CLOSED;
  socket->handler_(happened);
}

SocketEvents WatchedSocket::Wait(bool until_writable, int time_ms) const {
  const auto wanted = static_cast<short>(POLLIN | POLLRDHUP | (until_writable ? POLLOUT : 0));
  pollfd waiting{handle_.data.fd, wanted, 0};
  SocketEvents happened;
  if (poll(&waiting, 1, time_ms) <= 0) return happened;
  happened.readable = (waiting.revents & POLLIN) != 0;
  happened.writable = (waiting.revents & POLLOUT) != 0;
  if ((waiting.revents & POLLERR) != 0)
    happened.crt_code = PendingError();
  else if ((waiting.revents & (POLLRDHUP | POLLHUP | POLLNVAL)) != 0)
    happened.crt_code = AWS_IO_SOCKET_CLOSED;
  return happened;
}

int WatchedSocket::PendingError() const {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(handle_.data.fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return CodeOfErrno(error);
}

}  // namespace s3native::crt
