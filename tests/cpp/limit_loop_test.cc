#include "s3native/limit_loop.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace s3native {
namespace {

// Where the tests' server listens; port 0 when there is none.
LimitTarget TestServer() {
  const char* endpoint = std::getenv("AWS_ENDPOINT_URL");
  if (endpoint == nullptr) return {};
  const std::string text = endpoint;
  const size_t colon = text.rfind(':');
  const size_t host = std::string("http://").size();
  return {.host = text.substr(host, colon - host),
          .port = static_cast<uint16_t>(std::stoi(text.substr(colon + 1)))};
}

std::vector<LimitRequest> Gets(size_t count) {
  return {count, {.head = "GET /nowhere/key HTTP/1.1\r\nHost: here\r\n\r\n", .size = 1000}};
}

TEST(LimitLoop, ItsThreadsMakeAllRequests) {
  const LimitTarget server = TestServer();
  if (server.port == 0) GTEST_SKIP() << "needs a server";
  auto loop = LimitLoop::Create(server, 4, Gets(100));
  ASSERT_TRUE(loop.ok());
  for (int round = 0; round < 2; ++round) {
    const LimitRound done = loop.value()->Run();
    EXPECT_EQ(done.statuses, std::vector<int>(100, 403));  // they are not signed
    EXPECT_GT(done.seconds, 0);
    for (const double latency : done.latencies_us) EXPECT_GT(latency, 0);
  }
}

TEST(LimitLoop, WhereNobodyListensEachRequestFails) {
  auto loop = LimitLoop::Create({.host = "127.0.0.1", .port = 1}, 2, Gets(3));
  ASSERT_TRUE(loop.ok());
  EXPECT_EQ(loop.value()->Run().statuses, std::vector<int>(3, 0));
}

TEST(LimitLoop, ACaBundleThatCannotBeReadIsRefused) {
  const auto loop = LimitLoop::Create(
      {.host = "127.0.0.1", .port = 1, .tls = true, .ca_bundle = "/nowhere"}, 1, Gets(1));
  ASSERT_FALSE(loop.ok());
  EXPECT_EQ(loop.error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace s3native
