#include "s3native/events.h"

#include <gtest/gtest.h>

#include <thread>

#include "s3native/stats.h"

namespace s3native {
namespace {

using std::chrono::milliseconds;

TEST(EventQueue, GivesWhatWasPushedInOrder) {
  EventQueue queue;
  queue.Push(LogLine{LogLevel::kInfo, "first"});
  RequestRecord record;
  record.operation = "GetObject";
  queue.Push(record);
  const std::vector<Event> taken = queue.Take(milliseconds(0));
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(std::get<LogLine>(taken[0]).text, "first");
  EXPECT_EQ(std::get<RequestRecord>(taken[1]).operation, "GetObject");
  EXPECT_TRUE(queue.Take(milliseconds(0)).empty());
}

TEST(EventQueue, DropsAndCountsWhatDoesNotFit) {
  EventQueue queue;
  const uint64_t before = GlobalCounters().events_dropped;
  for (size_t i = 0; i < EventQueue::kCapacity + 3; ++i) queue.Push(LogLine{});
  EXPECT_EQ(GlobalCounters().events_dropped, before + 3);
  EXPECT_EQ(queue.Take(milliseconds(0)).size(), EventQueue::kCapacity);
}

TEST(EventQueue, AWaitEndsWithAnEventOrAWakeUp) {
  EventQueue queue;
  std::thread pusher([&] { queue.Push(LogLine{}); });
  EXPECT_EQ(queue.Take(milliseconds(60'000)).size(), 1u);
  pusher.join();
  std::thread waker([&] { queue.Wake(); });
  EXPECT_TRUE(queue.Take(milliseconds(60'000)).empty());
  waker.join();
}

TEST(Log, LevelsIncludeTheGraverOnes) {
  EXPECT_FALSE(IsLogged(LogLevel::kError));
  SetLogLevel(LogLevel::kInfo);
  EXPECT_TRUE(IsLogged(LogLevel::kError));
  EXPECT_TRUE(IsLogged(LogLevel::kInfo));
  EXPECT_FALSE(IsLogged(LogLevel::kDebug));
  EXPECT_FALSE(IsLogged(LogLevel::kOff));
  SetLogLevel(LogLevel::kOff);
}

TEST(RequestRecord, AsALine) {
  RequestRecord record;
  record.operation = "GetObject";
  record.bucket = "b";
  record.key = "k";
  record.range = "[0, 5)";
  record.http_status = 206;
  record.attempts = 2;
  record.bytes_received = 5;
  record.first_byte_us = 7;
  record.total_us = 9;
  record.connection = 3;
  record.request_id = "R";
  EXPECT_EQ(ToString(record),
            "GetObject s3://b/k [0, 5): ok, HTTP 206, attempts 2, received 5, sent 0, first byte "
            "after 7 us, all after 9 us, connection 3, request ID R");
}

}  // namespace
}  // namespace s3native
