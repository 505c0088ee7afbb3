#include "parallel_get.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "support/parallel_get_fixture.h"

namespace s3native {
namespace {

using ::testing::HasSubstr;

TEST(ParallelGet, ReadsAnyRangeInParts) {
  for (const uint64_t size : {1, 2, 15, 16, 17, 64, 333}) {
    for (const uint64_t part_size : {1, 3, 16, 64, 1000}) {
      for (const size_t concurrency : {1, 2, 7, 100}) {
        for (const uint64_t start : {uint64_t{0}, size / 3, size - 1}) {
          for (const uint64_t end : {start + 1, size, size + 1, size + 500}) {
            if (end <= start) continue;
            for (const bool announce : {false, true}) {
              SCOPED_TRACE(testing::Message() << "size " << size << " part_size " << part_size
                                              << " concurrency " << concurrency << " [" << start
                                              << ", " << end << ") announce " << announce);
              FakeObject object(size);
              ParallelRead read(InParts(part_size, concurrency),
                                object.Parts([&](const FakePartPtr& part) {
                                  if (announce) object.Announce(part);
                                  object.Serve(part);
                                }),
                                {start, end});
              ExpectRead(object, {start, end}, part_size, &read);
              EXPECT_LE(object.most_in_flight(), concurrency);
              if (testing::Test::HasFailure()) return;
            }
          }
        }
      }
    }
  }
}

TEST(ParallelGet, TakesPartsWithoutAnOperation) {
  FakeObject object(100);
  const GetPart with = object.Parts([&](const FakePartPtr& part) { object.Serve(part); });
  const GetPart without = [&](GetRequest request, auto on_object, auto done) {
    with(std::move(request), std::move(on_object), std::move(done));
    return nullptr;
  };
  ParallelRead read(InParts(10, 3), without, {0, 100});
  ExpectRead(object, {0, 100}, 10, &read);
  read.operation->Cancel();
  EXPECT_EQ(read.completions(), 1);
}

// Parts that complete at once must not pile up on the stack.
TEST(ParallelGet, ReadsManyPartsInline) {
  FakeObject object(200'000);
  ParallelRead read(InParts(1, 4),
                    object.Parts([&](const FakePartPtr& part) { object.Serve(part); }),
                    {0, 200'000});
  ExpectRead(object, {0, 200'000}, 1, &read);
}

TEST(ParallelGet, ReadsAtTheEndOfTheNumbers) {
  constexpr uint64_t kEnd = UINT64_MAX - 1;
  FakeObject object(100, kEnd - 100);
  ParallelRead read(InParts(16, 4),
                    object.Parts([&](const FakePartPtr& part) { object.Serve(part); }),
                    {kEnd - 50, kEnd});
  ExpectRead(object, {kEnd - 50, kEnd}, 16, &read);
}

TEST(ParallelGet, AsksForTheRestOnceTheObjectIsKnown) {
  FakeObject object(100);
  ParallelRead read(InParts(10, 4), object.Parts(), {0, 100});
  ASSERT_EQ(object.asked().size(), 1u);
  EXPECT_EQ(object.asked()[0]->request.range, (ByteRange{0, 10}));
  object.Announce(object.asked()[0]);
  ASSERT_EQ(object.asked().size(), 4u);
  EXPECT_EQ(object.asked()[3]->request.range, (ByteRange{30, 40}));
  object.Serve(object.asked()[0]);
  EXPECT_EQ(object.asked().size(), 5u);
  EXPECT_EQ(read.completions(), 0);
  for (size_t i = 1; i < object.asked().size(); ++i) object.Serve(object.asked()[i]);
  ExpectRead(object, {0, 100}, 10, &read);
}

TEST(ParallelGet, AsksForTheRestAfterAFirstPartThatWasNotAnnounced) {
  FakeObject object(100);
  ParallelRead read(InParts(10, 4), object.Parts(), {0, 100});
  ASSERT_EQ(object.asked().size(), 1u);
  object.Serve(object.asked()[0]);
  ASSERT_EQ(object.asked().size(), 5u);
  for (size_t i = 1; i < object.asked().size(); ++i) object.Serve(object.asked()[i]);
  ExpectRead(object, {0, 100}, 10, &read);
}

TEST(ParallelGet, KeepsAsManyPartsInFlightAsAllowed) {
  std::mt19937 random(3);
  for (const size_t concurrency : {1, 2, 5, 30}) {
    FakeObject object(200);
    ParallelRead read(InParts(10, concurrency), object.Parts(), {0, 200});
    object.Announce(object.asked()[0]);
    std::vector<FakePartPtr> open;
    size_t seen = 0, served = 0;
    while (read.completions() == 0) {
      for (const std::vector<FakePartPtr> asked = object.asked(); seen < asked.size(); ++seen)
        open.push_back(asked[seen]);
      ASSERT_EQ(open.size(), std::min(concurrency, 20 - served));
      std::swap(open[random() % open.size()], open.back());
      const FakePartPtr part = open.back();
      open.pop_back();
      ++served;
      object.Serve(part);
    }
    ExpectRead(object, {0, 200}, 10, &read);
    EXPECT_EQ(object.most_in_flight(), std::min<size_t>(concurrency, 20));
  }
}

TEST(ParallelGet, TellsWhenItsTailBegins) {
  FakeObject object(100);
  ParallelGetOptions options = InParts(10, 6);
  options.tail = 3;
  int told = 0;
  ParallelRead read(options, object.Parts(), {0, 100}, "", [&] { ++told; });
  object.Announce(object.asked()[0]);
  for (size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(told, i < 7 ? 0 : 1) << i;
    EXPECT_EQ(object.asked()[i]->request.on_tail, nullptr);
    object.Serve(object.asked()[i]);
  }
  EXPECT_EQ(told, 1);
  ExpectRead(object, {0, 100}, 10, &read);
}

TEST(ParallelGet, PinsLaterPartsToTheFirstETag) {
  for (const char* if_match : {"", kEtag}) {
    for (const bool announce : {false, true}) {
      FakeObject object(50);
      ParallelRead read(InParts(10, 4), object.Parts([&](const FakePartPtr& part) {
        if (announce) object.Announce(part);
        object.Serve(part);
      }),
                        {0, 50}, if_match);
      EXPECT_TRUE(read.ok());
      ASSERT_EQ(object.asked().size(), 5u);
      for (const FakePartPtr& part : object.asked()) {
        const bool first = part->request.range.start == 0;
        EXPECT_EQ(part->request.if_match, first ? if_match : kEtag);
        EXPECT_EQ(part->request.version_id, "v1");
        EXPECT_EQ(part->request.url.ToString(), "s3://bucket/k");
      }
    }
  }
}

TEST(ParallelGet, KeepsTheCallersETagWhenTheFirstResponseHasNone) {
  FakeObject object(30);
  ParallelRead read(InParts(10, 1), object.Parts(), {0, 30}, "\"caller's\"");
  object.info.etag = "";
  object.Announce(object.asked()[0]);
  object.info.etag = "\"caller's\"";
  object.Serve(object.asked()[0]);
  ASSERT_EQ(object.asked().size(), 2u);
  EXPECT_EQ(object.asked()[1]->request.if_match, "\"caller's\"");
  object.Serve(object.asked()[1]);
  object.Serve(object.asked()[2]);
  EXPECT_EQ(read.value().received, 30u);
}

TEST(ParallelGet, FailsWhenTheObjectChanges) {
  FakeObject object(50);
  ParallelRead read(InParts(10, 2), object.Parts(), {0, 50});
  object.Announce(object.asked()[0]);
  object.info.etag = "\"of another\"";
  object.Serve(object.asked()[1]);
  EXPECT_TRUE(object.asked()[0]->cancelled);
  object.Fail(object.asked()[0], ErrorCode::kCancelled);
  EXPECT_EQ(read.error().code, ErrorCode::kPreconditionFailed);
}

// Such as one that was tried again after its head had been seen.
TEST(ParallelGet, FailsWhenTheFirstPartIsOfAnotherObjectThanItsHead) {
  for (const size_t when : {0, 1, 2}) {  // first, second, last of three
    FakeObject object(30);
    ParallelRead read(InParts(10, 3), object.Parts(), {0, 30});
    object.Announce(object.asked()[0]);
    const std::vector<FakePartPtr> parts = object.asked();
    ASSERT_EQ(parts.size(), 3u);
    for (size_t i = 0; i < when; ++i) object.Serve(parts[1 + i]);
    object.info.etag = "\"of another\"";
    object.Serve(parts[0]);
    object.info.etag = kEtag;
    for (size_t i = when; i < 2; ++i) object.Serve(parts[1 + i]);
    EXPECT_EQ(read.error().code, ErrorCode::kPreconditionFailed) << when;
    EXPECT_THAT(read.error().message, HasSubstr("GetObject s3://bucket/k [0, 30) failed: "));
  }
}

TEST(ParallelGet, StopsAtTheObjectsEnd) {
  FakeObject object(25);
  ParallelRead read(InParts(10, 8), object.Parts(), {3, 1000});
  object.Announce(object.asked()[0]);
  ASSERT_EQ(object.asked().size(), 3u);
  EXPECT_EQ(object.asked()[2]->request.range, (ByteRange{23, 25}));
  for (const FakePartPtr& part : object.asked()) object.Serve(part);
  ExpectRead(object, {3, 1000}, 10, &read);
}

TEST(ParallelGet, AsksOnceForAnObjectThatFitsIntoTheFirstPart) {
  for (const uint64_t size : {1, 7, 10}) {
    FakeObject object(size);
    ParallelRead read(InParts(10, 8), object.Parts(), {0, 100});
    object.Announce(object.asked()[0]);
    EXPECT_EQ(object.asked().size(), 1u);
    EXPECT_EQ(read.completions(), 0);
    object.Serve(object.asked()[0]);
    EXPECT_EQ(object.asked().size(), 1u);
    EXPECT_EQ(read.value().received, size);
    EXPECT_EQ(read.Bytes(0, size), object.Content(0, size));
  }
}

TEST(ParallelGet, HandsOnThatTheRangeIsBehindTheEnd) {
  FakeObject object(10);
  ParallelRead read(InParts(5, 4),
                    object.Parts([&](const FakePartPtr& part) { object.Serve(part); }), {10, 30});
  EXPECT_EQ(read.error().code, ErrorCode::kRange);
  EXPECT_EQ(object.asked().size(), 1u);
}

TEST(ParallelGet, FailsWithTheErrorOfAnyPartAfterAllHaveEnded) {
  for (size_t failing = 0; failing < 4; ++failing) {
    FakeObject object(100);
    ParallelRead read(InParts(10, 4), object.Parts(), {0, 100});
    object.Announce(object.asked()[0]);
    const std::vector<FakePartPtr> parts = object.asked();
    ASSERT_EQ(parts.size(), 4u);
    object.Fail(parts[failing], ErrorCode::kTimeout);
    for (size_t i = 0; i < 4; ++i) EXPECT_EQ(parts[i]->cancelled, i != failing) << failing << i;
    // One obeys, one was faster, one fails for another reason.
    const size_t a = (failing + 1) % 4, b = (failing + 2) % 4, c = (failing + 3) % 4;
    object.Fail(parts[a], ErrorCode::kCancelled);
    object.Serve(parts[b]);
    EXPECT_EQ(read.completions(), 0);
    object.Fail(parts[c], ErrorCode::kAccessDenied);
    EXPECT_EQ(read.error().code, ErrorCode::kTimeout);
    EXPECT_EQ(read.error().message, "part " + parts[failing]->request.range.ToString());
    EXPECT_EQ(object.asked().size(), 4u);
  }
}

TEST(ParallelGet, FailsWithTheFirstPart) {
  FakeObject object(100);
  ParallelRead read(InParts(10, 4), object.Parts(), {0, 100});
  object.Fail(object.asked()[0], ErrorCode::kNotFound);
  EXPECT_EQ(read.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(object.asked().size(), 1u);
}

TEST(ParallelGet, FailsWithAPartThatEndsWithinItsStart) {
  FakeObject object(100);
  ParallelRead read(InParts(10, 4), object.Parts([&](const FakePartPtr& part) {
    if (part->request.range.start == 20) object.Fail(part, ErrorCode::kCredentials);
  }),
                    {0, 100});
  object.Announce(object.asked()[0]);
  ASSERT_EQ(object.asked().size(), 3u);
  EXPECT_EQ(read.completions(), 0);
  for (const size_t i : {0, 1}) EXPECT_TRUE(object.asked()[i]->cancelled);
  for (const size_t i : {0, 1}) object.Fail(object.asked()[i], ErrorCode::kCancelled);
  EXPECT_EQ(read.error().code, ErrorCode::kCredentials);
}

TEST(ParallelGet, CancelsWhatIsInFlight) {
  for (const bool announce : {false, true}) {
    FakeObject object(100);
    ParallelRead read(InParts(10, 3), object.Parts(), {0, 100});
    if (announce) object.Announce(object.asked()[0]);
    const std::vector<FakePartPtr> parts = object.asked();
    EXPECT_EQ(parts.size(), announce ? 3u : 1u);
    read.operation->Cancel();
    read.operation->Cancel();
    for (const FakePartPtr& part : parts) EXPECT_TRUE(part->cancelled);
    for (const FakePartPtr& part : parts) {
      EXPECT_EQ(read.completions(), 0);
      object.Fail(part, ErrorCode::kCancelled);
    }
    EXPECT_EQ(read.error().code, ErrorCode::kCancelled);
    EXPECT_EQ(object.asked().size(), parts.size());
    read.operation->Cancel();
    EXPECT_EQ(read.completions(), 1);
  }
}

TEST(ParallelGet, CancelsAPartThatIsJustBeingStarted) {
  FakeObject object(100);
  OperationPtr operation;
  ParallelRead read(InParts(10, 4), object.Parts([&](const FakePartPtr& part) {
    if (part->request.range.start == 20) operation->Cancel();
  }),
                    {0, 100});
  operation = read.operation;
  object.Announce(object.asked()[0]);
  ASSERT_EQ(object.asked().size(), 3u);
  for (const FakePartPtr& part : object.asked())
    EXPECT_TRUE(part->cancelled) << part->request.range.ToString();
  for (const FakePartPtr& part : object.asked()) object.Fail(part, ErrorCode::kCancelled);
  EXPECT_EQ(read.error().code, ErrorCode::kCancelled);
}

TEST(ParallelGet, DoesNotCancelWhatHasEnded) {
  FakeObject object(60);
  ParallelRead read(InParts(10, 6), object.Parts([&](const FakePartPtr& part) {
    const uint64_t start = part->request.range.start;
    if (start == 20 || start == 30) object.Serve(part);
  }),
                    {0, 60});
  object.Announce(object.asked()[0]);
  object.Serve(object.asked()[4]);
  read.operation->Cancel();
  const std::vector<FakePartPtr> parts = object.asked();
  ASSERT_EQ(parts.size(), 6u);
  for (const size_t open : {0, 1, 5}) EXPECT_TRUE(parts[open]->cancelled) << open;
  for (const size_t open : {0, 1, 5}) object.Fail(parts[open], ErrorCode::kCancelled);
  for (const size_t ended : {2, 3, 4}) EXPECT_FALSE(parts[ended]->cancelled) << ended;
  EXPECT_EQ(read.error().code, ErrorCode::kCancelled);
}

TEST(ParallelGet, IsCancelledByPartsThatWereFaster) {
  FakeObject object(100);
  ParallelRead read(InParts(10, 3), object.Parts(), {0, 100});
  object.Announce(object.asked()[0]);
  read.operation->Cancel();
  const std::vector<FakePartPtr> parts = object.asked();
  for (const FakePartPtr& part : parts) object.Serve(part);
  const Error error = read.error();
  EXPECT_EQ(error.code, ErrorCode::kCancelled);
  EXPECT_EQ(error.operation, "GetObject");
  EXPECT_EQ(error.bucket, "bucket");
  EXPECT_EQ(error.key, "k");
  EXPECT_EQ(error.range, "[0, 100)");
  EXPECT_FALSE(error.retryable);
  EXPECT_THAT(error.message, HasSubstr("GetObject s3://bucket/k [0, 100) was cancelled"));
  EXPECT_EQ(object.asked().size(), 3u);
}

TEST(ParallelGet, AsksForNothingWhenCancelledBeforeTheObjectIsKnown) {
  FakeObject object(100);
  ParallelRead read(InParts(10, 3), object.Parts(), {0, 100});
  read.operation->Cancel();
  object.Announce(object.asked()[0]);
  object.Serve(object.asked()[0]);
  EXPECT_EQ(read.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(object.asked().size(), 1u);
}

TEST(ParallelGet, FindsMissingBytes) {
  for (const uint64_t start : {0, 10, 40}) {  // first, middle and last part
    FakeObject object(45);
    ParallelRead read(InParts(10, 2), object.Parts([&](const FakePartPtr& part) {
      object.Serve(part, part->request.range.start == start ? 1 : 0);
    }),
                      {0, 45});
    const Error error = read.error();
    EXPECT_EQ(error.code, ErrorCode::kIntegrity) << start;
    EXPECT_THAT(error.message, HasSubstr("bytes are missing"));
    EXPECT_EQ(error.range, "[0, 45)");
  }
}

// As a store does it: the head, later the bytes or what a cancellation left.
GetPart PartsFrom(WorkerThreads* threads, FakeObject* object) {
  return object->Parts([=](const FakePartPtr& part) {
    threads->Post([=] {
      if (part->request.range.start % 3 != 0) object->Announce(part);
      threads->Post([=] {
        if (part->cancelled)
          object->Fail(part, ErrorCode::kCancelled);
        else
          object->Serve(part);
      });
    });
  });
}

TEST(ParallelGet, ReadsFromSeveralThreads) {
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    FakeObject object(1 + random() % 2000);
    const uint64_t start = random() % object.info.size;
    const ByteRange range = {start, start + 1 + random() % 2000};
    const uint64_t part_size = 1 + random() % 100;
    const size_t concurrency = 1 + random() % 9;
    {
      WorkerThreads threads(3);
      ParallelRead read(InParts(part_size, concurrency), PartsFrom(&threads, &object), range);
      read.Wait();
      ExpectRead(object, range, part_size, &read);
    }
    ASSERT_LE(object.most_in_flight(), concurrency);
  }
}

TEST(ParallelGet, FailsOnceFromSeveralThreads) {
  std::mt19937 random(6);
  for (int round = 0; round < 200; ++round) {
    FakeObject object(1000);
    const uint64_t failing = random() % 100 * 10;
    WorkerThreads threads(3);
    const GetPart good = PartsFrom(&threads, &object);
    const GetPart bad = object.Parts([&](const FakePartPtr& part) {
      threads.Post([&object, part] { object.Fail(part, ErrorCode::kThrottled); });
    });
    ParallelRead read(InParts(10, 6),
                      [&](GetRequest request, auto on_object, auto done) {
                        const GetPart& chosen = request.range.start == failing ? bad : good;
                        return chosen(std::move(request), std::move(on_object), std::move(done));
                      },
                      {0, 1000});
    read.Wait();
    EXPECT_EQ(read.error().code, ErrorCode::kThrottled);
    for (const FakePartPtr& part : object.asked()) ASSERT_EQ(part->done, nullptr);
  }
}

TEST(ParallelGet, CancelsAtAnyTimeFromAnotherThread) {
  std::mt19937 random(7);
  for (int round = 0; round < 400; ++round) {
    FakeObject object(400);
    WorkerThreads threads(3);
    ParallelRead read(InParts(10, 4), PartsFrom(&threads, &object), {0, 400});
    for (unsigned yields = random() % 60; yields != 0; --yields) std::this_thread::yield();
    read.operation->Cancel();
    read.Wait();
    if (read.ok())
      ExpectRead(object, {0, 400}, 10, &read);
    else
      ASSERT_EQ(read.error().code, ErrorCode::kCancelled);
    for (const FakePartPtr& part : object.asked()) ASSERT_EQ(part->done, nullptr);
  }
}

}  // namespace
}  // namespace s3native
