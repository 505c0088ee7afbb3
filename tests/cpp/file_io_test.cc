#include "file_io.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <thread>
#include <vector>

#include "s3native/checksums.h"
#include "support/store_driver.h"
#include "support/temporary_file.h"

namespace s3native {
namespace {

TEST(WriteAt, PutsBytesWhereTheyBelong) {
  const TemporaryFile file;
  EXPECT_EQ(WriteAt(file.descriptor(), BytesOf("world"), 6), 0);
  EXPECT_EQ(WriteAt(file.descriptor(), BytesOf("hello "), 0), 0);
  EXPECT_EQ(WriteAt(file.descriptor(), BytesOf(""), 100), 0);
  EXPECT_EQ(file.Content(), "hello world");
}

TEST(WriteAt, TellsWhyItCannot) {
  const TemporaryFile full("/dev/full");
  EXPECT_EQ(WriteAt(full.descriptor(), BytesOf("x"), 0), ENOSPC);
  EXPECT_EQ(WriteAt(-1, BytesOf("x"), 0), EBADF);
}

TEST(WriteAt, ManyThreads) {
  const TemporaryFile file;
  constexpr size_t kSize = 10'000;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      const std::string text(kSize, static_cast<char>('a' + i));
      for (size_t piece = 0; piece < 10; ++piece)
        EXPECT_EQ(WriteAt(file.descriptor(), BytesOf(text), (piece * 8 + i) * kSize), 0);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::string content = file.Content();
  ASSERT_EQ(content.size(), 80 * kSize);
  for (size_t i = 0; i < 80; ++i) EXPECT_EQ(content[i * kSize + kSize - 1], 'a' + i % 8);
}

TEST(ChecksumOf, ARange) {
  const TemporaryFile file;
  const std::string content(1'000'003, 'x');
  ASSERT_EQ(WriteAt(file.descriptor(), BytesOf(content), 0), 0);
  const FileChecksum found = ChecksumOf(file.descriptor(), {3, content.size()});
  EXPECT_EQ(found.error, 0);
  EXPECT_EQ(found.crc64nvme, Crc64Nvme(content.data(), content.size() - 3));
  EXPECT_EQ(ChecksumOf(file.descriptor(), {5, 5}).crc64nvme, 0u);
}

TEST(ChecksumOf, WhatIsNotThere) {
  const TemporaryFile file;
  ASSERT_EQ(WriteAt(file.descriptor(), BytesOf("short"), 0), 0);
  EXPECT_EQ(ChecksumOf(file.descriptor(), {0, 6}).error, EIO);
  EXPECT_EQ(ChecksumOf(-1, {0, 6}).error, EBADF);
}

}  // namespace
}  // namespace s3native
