#include "prefetch_window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

namespace s3native {
namespace {

constexpr uint64_t kKiB = 1 << 10;
constexpr uint64_t kMiB = 1 << 20;

// ---- how far ahead ----

TEST(PrefetchWindow, AFirstReadAsksForNothingAhead) {
  EXPECT_EQ(PrefetchWindow({}).OnRead(0, 1000, false), 0u);
  EXPECT_EQ(PrefetchWindow({}).OnRead(5'000'000, 1000, false), 0u);
}

TEST(PrefetchWindow, ARunReadsAheadAsMuchAsItHasRead) {
  PrefetchWindow window({});
  window.OnRead(0, 200 * kKiB, false);
  EXPECT_EQ(window.OnRead(200 * kKiB, 100 * kKiB, false), 300 * kKiB);
  EXPECT_EQ(window.OnRead(300 * kKiB, 10 * kKiB, true), 310 * kKiB);
}

TEST(PrefetchWindow, ButNoLessThanIsWorthARequest) {
  PrefetchWindow window({});
  window.OnRead(0, 1000, false);
  EXPECT_EQ(window.OnRead(1000, 500, false), 128 * kKiB);
  EXPECT_EQ(window.BlockSizeOf(128 * kKiB), 128 * kKiB);
}

TEST(PrefetchWindow, ButNoMoreThanTheWindow) {
  PrefetchWindow window({});
  window.OnRead(0, 600 * kKiB, false);
  EXPECT_EQ(window.OnRead(600 * kKiB, 600 * kKiB, false), kMiB);
  EXPECT_EQ(window.OnRead(1200 * kKiB, 2 * kMiB, false), window.window());
}

TEST(PrefetchWindow, AJumpBeginsANewRun) {
  PrefetchWindow window({});
  window.OnRead(0, 1000, false);
  window.OnRead(1000, 1000, false);
  EXPECT_EQ(window.OnRead(9000, 10, false), 0u);
  EXPECT_FALSE(window.Continues(2000));
  EXPECT_TRUE(window.Continues(9010));
  EXPECT_EQ(window.OnRead(9010, 10, false), 128 * kKiB);
  EXPECT_EQ(window.OnRead(0, 10, false), 0u);  // back
}

TEST(PrefetchWindow, ReadsOfWhatIsBufferedKeepTheRun) {
  PrefetchWindow window({});
  window.OnRead(0, 100 * kKiB, false);
  window.OnRead(100 * kKiB, 100 * kKiB, false);
  EXPECT_EQ(window.OnRead(250 * kKiB, 10 * kKiB, true), 210 * kKiB);  // skipped some
  EXPECT_EQ(window.OnRead(50 * kKiB, 10 * kKiB, true), 220 * kKiB);   // went back
}

TEST(PrefetchWindow, AFirstReadOfWhatIsBufferedIsAFirstRead) {
  EXPECT_EQ(PrefetchWindow({}).OnRead(700, 100, true), 0u);
}

TEST(PrefetchWindow, RandomAccessNeverReadsAhead) {
  PrefetchWindow window({.access = Access::kRandom});
  for (uint64_t at = 0; at < 50; ++at)
    EXPECT_EQ(window.OnRead(at * kMiB, kMiB, at % 2 == 1), 0u) << at;
}

TEST(PrefetchWindow, SequentialAccessReadsAheadFromTheStart) {
  PrefetchWindow window({.access = Access::kSequential});
  EXPECT_EQ(window.OnRead(0, 1, false), kMiB);
  EXPECT_EQ(window.OnRead(10 * kMiB, 1, false), kMiB);
}

TEST(PrefetchWindow, AWindowOfNothingIsNeverAhead) {
  for (const Access access : {Access::kAuto, Access::kSequential, Access::kRandom}) {
    PrefetchWindow window({.access = access, .max_window = 0});
    for (uint64_t at = 0; at < 20; ++at) {
      EXPECT_EQ(window.OnRead(at * kMiB, kMiB, false), 0u);
      window.OnServed(kMiB, 20'000, (at + 1) * 20'000);
    }
    EXPECT_EQ(window.window(), 0u);
  }
}

TEST(PrefetchWindow, ASmallLimitIsTheFirstWindow) {
  EXPECT_EQ(PrefetchWindow({.max_window = 200 * kKiB}).window(), 200 * kKiB);
  EXPECT_EQ(PrefetchWindow({.max_window = 1000}).window(), 0u);
  EXPECT_EQ(PrefetchWindow({}).window(), kMiB);
}

// ---- reads that use all connections ----

constexpr PrefetchOptions kTen{.connections = 10};

// `count` reads of 8 MiB, one behind the other.
uint64_t AheadAfter(PrefetchWindow* window, int count, uint64_t before_us, uint64_t late_us) {
  uint64_t ahead = 0;
  for (int i = 0; i < count; ++i) {
    ahead = window->OnRead(i * 8 * kMiB, 8 * kMiB, false);
    window->OnSplit(before_us, late_us, 4000);
  }
  return ahead;
}

TEST(PrefetchWindowLargeReads, HaveNothingReadAhead) {
  PrefetchWindow window(kTen);
  EXPECT_EQ(AheadAfter(&window, 100, 50, 600), 0u);
  EXPECT_EQ(window.OnRead(800 * kMiB, 3 * kMiB, false), kMiB);  // which leaves connections unused
  PrefetchWindow sequential({.access = Access::kSequential, .connections = 10});
  EXPECT_EQ(AheadAfter(&sequential, 100, 50, 600), 0u);
}

TEST(PrefetchWindowLargeReads, HaveTheNextReadAheadWhereAnswersAreLate) {
  PrefetchWindow window(kTen);
  EXPECT_EQ(AheadAfter(&window, 3, 0, 2000), 0u);
  EXPECT_EQ(AheadAfter(&window, 5, 0, 2000), 8 * kMiB);
  EXPECT_EQ(window.window(), 8 * kMiB);
}

TEST(PrefetchWindowLargeReads, HaveTheNextReadAheadWhereReadersTakeTheirTime) {
  PrefetchWindow window(kTen);
  EXPECT_EQ(AheadAfter(&window, 10, 3000, 200), 8 * kMiB);
}

TEST(PrefetchWindowLargeReads, AreReadAheadNoFurtherThanIsAllowed) {
  PrefetchWindow window({.max_window = 2 * kMiB, .connections = 10});
  EXPECT_EQ(AheadAfter(&window, 10, 0, 3000), 2 * kMiB);
  PrefetchWindow none({.max_window = 0, .connections = 10});
  EXPECT_EQ(AheadAfter(&none, 10, 0, 3000), 0u);
}

TEST(PrefetchWindowLargeReads, AreSplitByConnectionsUnlessAnswersComeAtOnce) {
  PrefetchWindow window(kTen);
  EXPECT_EQ(window.RequestSizeFor(8 * kMiB), kMiB);
  EXPECT_EQ(window.RequestSizeFor(16 * kMiB), 16 * kMiB / 10);
  EXPECT_EQ(window.RequestSizeFor(kMiB / 2), kMiB);
  AheadAfter(&window, 10, 0, 1500);
  EXPECT_EQ(window.RequestSizeFor(8 * kMiB), kMiB);
  AheadAfter(&window, 10, 0, 300);
  EXPECT_EQ(window.RequestSizeFor(8 * kMiB), kMiB / 2);
  AheadAfter(&window, 10, 0, 1500);
  EXPECT_EQ(window.RequestSizeFor(8 * kMiB), kMiB);
  EXPECT_EQ(PrefetchWindow({.max_block = 200'000}).RequestSizeFor(8 * kMiB), 200'000u);
}

// ---- how the window grows ----

// A run whose epochs have a rate and a share of waiting that the test chooses.
class SimulatedRun {
 public:
  explicit SimulatedRun(const PrefetchOptions& options = {.rest_us = UINT64_MAX / 2})
      : window_(options) {}

  uint64_t window() const { return window_.window(); }
  const PrefetchWindow& policy() const { return window_; }
  // Reads `bytes` at `rate` bytes a microsecond, waiting for `waits` of the time.
  void Read(uint64_t bytes, double rate, double waits) {
    for (const uint64_t end = at_ + bytes; at_ < end;) {
      const uint64_t size = std::min(64 * kKiB, end - at_);
      window_.OnRead(at_, size, false);
      const auto took_us = static_cast<uint64_t>(static_cast<double>(size) / rate);
      now_us_ += took_us;
      window_.OnServed(size, static_cast<uint64_t>(waits * static_cast<double>(took_us)), now_us_);
      at_ += size;
    }
  }
  // Long enough for the run to fill its window, for what was asked for before the last doubling to
  // come in, and for the epochs behind it that decide.
  void Epochs(double rate, double waits) { Read(3 * window() + 192 * kKiB, rate, waits); }
  void Jump() { at_ += 1000 * kMiB; }

 private:
  PrefetchWindow window_;
  uint64_t at_ = 0;
  uint64_t now_us_ = 1;
};

// Of rates that take an epoch longer than the shortest.
constexpr double kSlow = 10;

TEST(PrefetchWindowGrowth, DoublesWhileEachDoublingPays) {
  SimulatedRun run;
  uint64_t expected = kMiB;
  for (double rate = kSlow; expected < 64 * kMiB; rate *= 1.15) {
    run.Epochs(rate, 0.9);
    expected *= 2;
    ASSERT_EQ(run.window(), expected);
  }
}

TEST(PrefetchWindowGrowth, DoesNotGrowForAReaderThatDoesNotWait) {
  SimulatedRun run;
  for (int i = 0; i < 10; ++i) run.Epochs(kSlow * (1 + i), 0.1);
  EXPECT_EQ(run.window(), kMiB);
  run.Epochs(kSlow, 0.2);  // it begins to wait
  EXPECT_EQ(run.window(), 2 * kMiB);
}

TEST(PrefetchWindowGrowth, SettlesAfterDoublingsInVain) {
  SimulatedRun run;
  run.Epochs(kSlow, 0.9);
  ASSERT_EQ(run.window(), 2 * kMiB);
  run.Read(32 * kMiB, 1.05 * kSlow, 0.9);  // hardly faster, and with larger requests neither
  EXPECT_EQ(run.window(), 2 * kMiB);
  for (int i = 0; i < 10; ++i) run.Epochs(10 * kSlow, 0.9);  // settled for good
  EXPECT_EQ(run.window(), 2 * kMiB);
}

TEST(PrefetchWindowGrowth, LargerRequestsAreGivenUpWhereTheyAreNoFaster) {
  SimulatedRun run;
  run.Epochs(kSlow, 0.9);
  while (run.policy().BlockSizeOf(run.window()) == 512 * kKiB) run.Read(kMiB, kSlow, 0.9);
  for (int i = 0; i < 10; ++i) run.Epochs(1.05 * kSlow, 0.9);
  EXPECT_EQ(run.policy().BlockSizeOf(run.window()), 512 * kKiB);
  EXPECT_EQ(run.window(), kMiB);  // which was as fast
}

TEST(PrefetchWindowGrowth, GoesOnWithLargerRequestsWhereTheyAreFaster) {
  SimulatedRun run;
  run.Epochs(kSlow, 0.9);
  while (run.policy().BlockSizeOf(run.window()) == 512 * kKiB) run.Read(kMiB, kSlow, 0.9);
  run.Epochs(1.3 * kSlow, 0.9);
  EXPECT_EQ(run.window(), 8 * kMiB);
  EXPECT_EQ(run.policy().BlockSizeOf(run.window()), 2 * kMiB);
}

TEST(PrefetchWindowGrowth, OneEpochInVainIsForgiven) {
  SimulatedRun run;
  run.Epochs(kSlow, 0.9);
  ASSERT_EQ(run.window(), 2 * kMiB);
  run.Read(2 * kMiB, kSlow, 0.9);  // of the window before
  run.Read(2 * kMiB + 64 * kKiB, kSlow, 0.9);
  EXPECT_EQ(run.window(), 2 * kMiB);
  run.Read(4 * kMiB + 128 * kKiB, 1.3 * kSlow, 0.9);
  EXPECT_EQ(run.window(), 4 * kMiB);
}

TEST(PrefetchWindowGrowth, NeverExceedsTheLimit) {
  for (const uint64_t limit : {700 * kKiB, 3 * kMiB, 5 * kMiB + 1}) {
    SimulatedRun run({.max_window = limit});
    double rate = kSlow;
    for (int i = 0; i < 12; ++i, rate *= 1.5) {
      run.Epochs(rate, 0.9);
      ASSERT_LE(run.window(), limit);
    }
    EXPECT_EQ(run.window(), limit);
  }
}

TEST(PrefetchWindowGrowth, AYoungRunTellsNothing) {
  SimulatedRun run;
  for (int i = 0; i < 100; ++i) {
    run.Jump();
    run.Read(512 * kKiB, kSlow, 1);
  }
  EXPECT_EQ(run.window(), kMiB);
}

TEST(PrefetchWindowGrowth, ShortEpochsAreNotJudged) {
  SimulatedRun run;
  run.Read(8 * kMiB, 10'000, 0.9);  // 0.8 ms
  EXPECT_EQ(run.window(), kMiB);
}

TEST(PrefetchWindowGrowth, IsTriedAgainWhenTheNetworkMayHaveChanged) {
  SimulatedRun run({.rest_us = 1'000'000});
  run.Read(64 * kMiB, kSlow, 0.9);  // as fast with any window
  EXPECT_LE(run.window(), 4 * kMiB);
  for (double rate = kSlow; rate < 16 * kSlow; rate *= 1.3) run.Read(16 * kMiB, rate, 0.9);
  EXPECT_GE(run.window(), 16 * kMiB);
}

TEST(PrefetchWindowGrowth, WhatWasBufferedIsNotJudged) {
  SimulatedRun run;
  run.Epochs(kSlow, 0.9);
  run.Epochs(1.2 * kSlow, 0.9);
  ASSERT_EQ(run.window(), 4 * kMiB);
  for (int i = 0; i < 20; ++i) {
    run.Read(4 * kMiB, 1000, 0);  // out of memory
    run.Read(64 * kKiB, 0.1 * kSlow, 1);
  }
  EXPECT_LE(run.window(), 4 * kMiB);
}

TEST(PrefetchWindowGrowth, SurvivesAJump) {
  SimulatedRun run;
  run.Epochs(kSlow, 0.9);
  run.Epochs(2 * kSlow, 0.9);
  ASSERT_EQ(run.window(), 4 * kMiB);
  run.Jump();
  run.Read(64 * kKiB, kSlow, 1);
  EXPECT_EQ(run.window(), 4 * kMiB);
}

// ---- requests ----

TEST(PrefetchWindowBlocks, UseAllConnectionsBeforeTheyGrow) {
  for (const uint64_t ahead : {128 * kKiB, kMiB, 4 * kMiB, 16 * kMiB, 32 * kMiB, 64 * kMiB}) {
    SimulatedRun run({.access = Access::kSequential, .max_window = ahead, .connections = 4});
    double rate = kSlow;
    for (int i = 0; i < 8; ++i, rate *= 1.5) run.Epochs(rate, 0.9);
    ASSERT_EQ(run.window(), ahead);
    EXPECT_EQ(run.policy().BlockSizeOf(ahead),
              std::clamp(ahead / 4, std::min(ahead, 512 * kKiB), 8 * kMiB));
  }
}

TEST(PrefetchWindowBlocks, NeverExceedTheLimitOfARequest) {
  for (const uint64_t max_block : {uint64_t{1}, 100 * kKiB, 512 * kKiB, 3 * kMiB}) {
    PrefetchWindow window({.access = Access::kSequential, .max_block = max_block});
    const uint64_t ahead = window.OnRead(0, 1, false);
    EXPECT_EQ(window.BlockSizeOf(ahead), std::min(max_block, 512 * kKiB));
  }
}

// ---- on a network ----

struct Network {
  const char* name;
  uint64_t latency_us;
  double rate;  // bytes a microsecond of one connection
  uint64_t connections;
  uint64_t request_us = 0;  // of the server for each request, one after the other
  double attainable = 0.9;  // of what its connections could bring
};

// A reader that only reads, over connections that each serve one request after the other.
class Simulation {
 public:
  Simulation(const Network& network, const PrefetchOptions& options)
      : network_(network), window_(options), free_at_us_(network.connections, 0) {}

  // The rate of `bytes`, from now on.
  double Read(uint64_t bytes) {
    const uint64_t begun_us = now_us_;
    const uint64_t end = at_ + bytes;
    while (at_ < end) Next(256 * kKiB);
    return static_cast<double>(bytes) / static_cast<double>(now_us_ - begun_us);
  }
  uint64_t window() const { return window_.window(); }

 private:
  struct Block {
    uint64_t end;
    uint64_t arrives_us;
  };

  void Ask(uint64_t end) {
    const auto connection = std::min_element(free_at_us_.begin(), free_at_us_.end());
    const auto travels_us =
        static_cast<uint64_t>(static_cast<double>(end - asked_) / network_.rate);
    server_free_at_us_ = std::max(server_free_at_us_, now_us_) + network_.request_us;
    const uint64_t begins_us = std::max({*connection, now_us_, server_free_at_us_});
    *connection = begins_us + network_.latency_us + travels_us;
    blocks_.push_back({end, *connection});
    asked_ = end;
  }
  void Next(uint64_t size) {
    const uint64_t end = at_ + size;
    const uint64_t ahead = window_.OnRead(at_, size, asked_ > at_);
    if (asked_ < end) Ask(end);
    const uint64_t block_size = window_.BlockSizeOf(ahead);
    while (asked_ + block_size / 2 <= end + ahead) Ask(asked_ + block_size);
    const uint64_t before_us = now_us_;
    while (true) {
      now_us_ = std::max(now_us_, blocks_.front().arrives_us);
      if (blocks_.front().end >= end) break;
      blocks_.pop_front();
    }
    const uint64_t waited_us = now_us_ - before_us;
    now_us_ += 10;
    window_.OnServed(size, waited_us, now_us_);
    at_ = end;
  }

  const Network network_;
  PrefetchWindow window_;
  std::vector<uint64_t> free_at_us_;
  uint64_t server_free_at_us_ = 0;
  std::deque<Block> blocks_;
  uint64_t at_ = 0;
  uint64_t asked_ = 0;
  uint64_t now_us_ = 1;
};

class PrefetchWindowNetwork : public testing::TestWithParam<Network> {};

TEST_P(PrefetchWindowNetwork, IsFilled) {
  const Network& network = GetParam();
  const PrefetchOptions options = {
      .max_window = 1024 * kMiB, .max_block = 64 * kMiB, .connections = network.connections};
  Simulation reader(network, options);
  reader.Read(3000 * kMiB);  // grows
  const double attainable = static_cast<double>(network.connections) * network.rate;
  EXPECT_GE(reader.Read(3000 * kMiB), network.attainable * attainable)
      << "window " << reader.window();
}

TEST_P(PrefetchWindowNetwork, IsFilledWithoutMuchMoreThanThat) {
  const Network& network = GetParam();
  Simulation reader(
      network,
      {.max_window = 4096 * kMiB, .max_block = 512 * kMiB, .connections = network.connections});
  reader.Read(6000 * kMiB);
  const double product = static_cast<double>(network.connections) * network.rate *
                         static_cast<double>(network.latency_us);
  // Twice as much while it tries.
  EXPECT_LE(static_cast<double>(reader.window()), 2 * (40 * product + 8.0 * kMiB));
}

INSTANTIATE_TEST_SUITE_P(PrefetchWindow, PrefetchWindowNetwork,
                         testing::Values(Network{"Loopback", 200, 1000, 4},
                                         Network{"Datacentre", 2'000, 200, 8},
                                         Network{"Amazon", 20'000, 80, 16, 0, 0.88},
                                         Network{"Ocean", 150'000, 10, 8},
                                         Network{"OneConnection", 30'000, 50, 1},
                                         Network{"BusyServer", 500, 500, 4, 1'000, 0.8}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace s3native
