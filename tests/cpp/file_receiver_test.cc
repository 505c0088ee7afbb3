#include "crt/file_receiver.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>
#include <thread>

#include "support/store_conformance.h"
#include "support/store_driver.h"
#include "support/temporary_file.h"

namespace s3native::crt {
namespace {

class FileReceiverTest : public testing::Test {
 protected:
  FileReceiverTest() {
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_), 0);
    fcntl(ends_[0], F_SETFL, O_NONBLOCK);
  }
  ~FileReceiverTest() override {
    close(ends_[0]);
    HangUp();
  }
  void HangUp() {
    if (ends_[1] >= 0) close(ends_[1]);
    ends_[1] = -1;
  }
  void Send(const std::string& text) {
    for (size_t sent = 0; sent < text.size();) {
      const ssize_t count = send(ends_[1], text.data() + sent, text.size() - sent, 0);
      ASSERT_GT(count, 0);
      sent += static_cast<size_t>(count);
    }
  }
  ssize_t Receive(const TemporaryFile& file, uint64_t offset, size_t size) {
    return receiver_.Receive(ends_[0], {file.descriptor(), offset, &error_}, size);
  }

  int ends_[2] = {-1, -1};
  int error_ = 0;
  FileReceiver receiver_;
};

TEST_F(FileReceiverTest, NoMoreThanIsWanted) {
  const TemporaryFile file;
  Send("hello world");
  EXPECT_EQ(Receive(file, 3, 5), 5);
  EXPECT_EQ(file.Content(), std::string("\0\0\0hello", 8));
  EXPECT_EQ(Receive(file, 0, 100), 6);
  EXPECT_EQ(file.Content(),
            " world"
            "lo");
  EXPECT_EQ(error_, 0);
}

TEST_F(FileReceiverTest, NothingThere) {
  const TemporaryFile file;
  EXPECT_EQ(Receive(file, 0, 5), -1);
  EXPECT_EQ(errno, EAGAIN);
  HangUp();
  EXPECT_EQ(Receive(file, 0, 5), 0);
  EXPECT_EQ(error_, 0);
}

TEST_F(FileReceiverTest, MoreThanAPipeHolds) {
  const TemporaryFile file;
  const std::string content = PatternBytes(5'000'001);
  std::thread sender([&] { Send(content); });
  for (size_t got = 0; got < content.size();) {
    const ssize_t count = Receive(file, got, content.size() - got);
    if (count < 0) {
      ASSERT_EQ(errno, EAGAIN);
      std::this_thread::yield();
      continue;
    }
    got += static_cast<size_t>(count);
  }
  sender.join();
  EXPECT_EQ(error_, 0);
  EXPECT_TRUE(file.Content() == content);
}

// A file for appending takes nothing from a pipe; what is in the pipe already is not lost.
TEST_F(FileReceiverTest, AFileThatTakesNothingFromPipes) {
  const TemporaryFile file;
  ASSERT_EQ(fcntl(file.descriptor(), F_SETFL, O_APPEND), 0);
  Send("hello ");
  EXPECT_EQ(Receive(file, 0, 100), 6);
  Send("world");
  EXPECT_EQ(Receive(file, 6, 100), 5);
  EXPECT_EQ(file.Content(), "hello world");
  EXPECT_EQ(error_, 0);
}

TEST_F(FileReceiverTest, AFileThatTakesNothing) {
  const TemporaryFile full("/dev/full");
  Send("hello");
  EXPECT_EQ(Receive(full, 0, 100), 5);
  EXPECT_EQ(error_, ENOSPC);
  error_ = 0;
  Send("world");
  EXPECT_EQ(Receive(full, 0, 100), 5);
  EXPECT_EQ(error_, ENOSPC);
}

}  // namespace
}  // namespace s3native::crt
