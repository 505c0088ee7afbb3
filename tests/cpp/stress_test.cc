// Everything at once, from many threads, against the S3 server that the environment names; skipped
// without one. Whatever the order of events: bytes are right, each operation completes once, memory
// is let go of, and nothing is left behind.
#include "support/stress.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "process_memory.h"
#include "s3native/stats.h"
#include "support/store_driver.h"

namespace s3native {
namespace {

constexpr char kBucket[] = "stress-test";
constexpr int kClientThreads = 5;
constexpr int kClientSteps = 28;
constexpr int kStoreThreads = 4;
constexpr int kStoreSteps = 24;
constexpr int kRaceThreads = 8;
constexpr int kRacesPerThread = 300;

bool HasServer() { return std::getenv("AWS_ENDPOINT_URL") != nullptr; }

void Pause(size_t microseconds) {
  std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
}

// ---- blocking calls ----

class ClientWorker : public StressWorker {
 public:
  using StressWorker::StressWorker;

 private:
  void Step() override {
    static constexpr void (ClientWorker::* kSteps[])() = {
        &ClientWorker::Get,      &ClientWorker::GetInto,    &ClientWorker::GetRanges,
        &ClientWorker::GetMany,  &ClientWorker::GetMany,    &ClientWorker::PutSmall,
        &ClientWorker::PutParts, &ClientWorker::Copy,       &ClientWorker::Head,
        &ClientWorker::List,     &ClientWorker::Delete,     &ClientWorker::DeleteMany,
        &ClientWorker::Presign,  &ClientWorker::AbortStale, &ClientWorker::Replace};
    client_ = world_.AnyClient(&random_);
    (this->*kSteps[Below(std::size(kSteps))])();
    client_.reset();  // perhaps the last one, when it was replaced meanwhile
  }

  // Half of the calls are interrupted, at the first, second or third question if they last so long.
  CallOptions Call() {
    if (OneIn(2)) return {};
    return {[left = Below(3)]() mutable { return left == 0 || left-- == 0; }};
  }

  // Looks at the bytes, and drops them, on another thread.
  void HandOver(const StressObject& object, size_t start, size_t size, Fetched fetched) {
    world_.drops().Post([object, start, size, fetched = std::move(fetched)] {
      ASSERT_EQ(fetched.size, size);
      if (size == 0) return;
      EXPECT_TRUE(
          StressWorld::Matches(object, start, {fetched.slab->data() + fetched.offset, size}))
          << object.url.ToString();
    });
  }

  void Get() {
    const StressObject& object = AnyObject();
    FetchOptions options;
    if (object.size != 0 && OneIn(2)) options.range = RangeOf(object);
    const ByteRange range = options.range.value_or(ByteRange{0, object.size});
    auto got = client_->Get(object.url, options, Call());
    if (!got.ok()) return ExpectLegitimate(got.error(), object.shared);
    HandOver(object, range.start, *range.end - range.start, std::move(got).value());
  }

  void GetInto() {
    const StressObject& object = AnyObject();
    std::vector<std::byte> memory(object.size);
    const auto got = client_->GetInto(object.url, {memory.data(), memory.size()}, {}, Call());
    if (got.ok()) {
      EXPECT_EQ(got.value().received, object.size);
      EXPECT_TRUE(StressWorld::Matches(object, 0, {memory.data(), memory.size()}));
    } else {
      ExpectLegitimate(got.error(), object.shared);
    }
    WatchReleased(std::move(memory));
  }

  void GetRanges() {
    const StressObject& object = world_.fixed()[2 + Below(world_.fixed().size() - 2)];
    std::vector<ByteRange> ranges;
    for (size_t i = 0; i < 6; ++i) {
      const uint64_t start = Below(object.size);
      ranges.push_back({start, std::min<uint64_t>(object.size, start + Below(100'000))});
    }
    auto got = client_->GetRanges(object.url, ranges, Below(10'000), {}, Call());
    if (!got.ok()) return ExpectLegitimate(got.error(), object.shared);
    for (size_t i = 0; i < ranges.size(); ++i)
      HandOver(object, ranges[i].start, *ranges[i].end - ranges[i].start,
               std::move(got.value()[i]));
  }

  struct Wanted {
    const StressObject* object;
    std::vector<std::byte> memory;  // empty: into a slab
  };

  // A third of the streams is dropped half-way.
  void GetMany() {
    std::vector<Wanted> wanted;
    for (int i = 0; i < 12; ++i) {
      const StressObject* object = &AnyObject();
      wanted.push_back({object, std::vector<std::byte>(OneIn(3) ? object->size : 0)});
    }
    Drain(&wanted, OneIn(2), OneIn(3) ? Below(wanted.size()) : wanted.size());
    for (Wanted& one : wanted) WatchReleased(std::move(one.memory));
  }

  void Drain(std::vector<Wanted>* wanted, bool ordered, size_t stop_after) {
    const CallOptions call = Call();
    const auto stream = client_->GetMany({ordered, 4});
    size_t added = 0;
    for (size_t taken = 0; taken < stop_after; ++taken) {
      for (; added < wanted->size() && stream->WantsMore(); ++added) {
        Wanted& next = (*wanted)[added];
        const MutableBytes into = {next.memory.empty() ? nullptr : next.memory.data(),
                                   next.memory.size()};
        stream->Add({next.object->url, std::nullopt, into});
      }
      auto item = stream->Next(call);
      if (!item.ok()) return ExpectLegitimate(item.error(), false);
      ASSERT_TRUE(item.value());
      if (ordered) {
        EXPECT_EQ(item.value()->index, taken);
      }
      Look((*wanted)[item.value()->index], std::move(*item.value()));
    }
    if (stop_after < wanted->size()) return;
    const auto end = stream->Next({});
    EXPECT_TRUE(end.ok() && !end.value());
  }

  void Look(const Wanted& wanted, GetManyItem item) {
    const StressObject& object = *wanted.object;
    if (item.error) return ExpectLegitimate(*item.error, object.shared);
    if (wanted.memory.empty()) return HandOver(object, 0, object.size, std::move(item.fetched));
    EXPECT_EQ(item.fetched.size, object.size);
    EXPECT_TRUE(StressWorld::Matches(object, 0, {wanted.memory.data(), wanted.memory.size()}));
  }

  void PutSmall() {
    const StressObject& object = AnyShared();
    const std::string content(StressWorld::ContentOf(object, Below(StressWorld::kVersions)));
    const auto put = client_->Put(object.url, BytesOf(content), {}, Call());
    if (!put.ok()) ExpectLegitimate(put.error(), false);
  }

  void PutParts() {
    if (!OneIn(3)) return PutSmall();  // their bytes would take all the time
    StressObject object = {OwnUrl("parts"), world_.large().size};
    const std::string content(StressWorld::ContentOf(object));
    const auto put = client_->Put(object.url, BytesOf(content), {}, Call());
    if (!put.ok()) return ExpectLegitimate(put.error(), false);
    auto got = client_->Get(object.url, {}, {});
    ASSERT_TRUE(got.ok()) << got.error().message;
    HandOver(object, 0, object.size, std::move(got).value());
    EXPECT_TRUE(client_->Delete(object.url, "", {}).ok());
  }

  void Copy() {
    const StressObject& source = AnyObject();
    CopyRequest copy;
    copy.source = source.url;
    copy.url = source.shared ? OtherThan(source).url : OwnUrl("copy");
    const auto copied = client_->Copy(copy, Call());
    if (!copied.ok()) return ExpectLegitimate(copied.error(), source.shared);
    if (source.shared) return;
    const auto info = client_->Head(copy.url, "", {});
    ASSERT_TRUE(info.ok()) << info.error().message;
    EXPECT_EQ(info.value().size, source.size);
  }

  void Head() {
    const StressObject& object = AnyObject();
    const auto info = client_->Head(object.url, "", Call());
    if (!info.ok()) return ExpectLegitimate(info.error(), object.shared);
    EXPECT_EQ(info.value().size, object.size);
  }

  void List() {
    ListRequest request = {kBucket, world_.Url("fixed/").key, "", "", "", 4};
    size_t found = 0;
    do {
      const auto page = client_->List(request, Call());
      if (!page.ok()) return ExpectLegitimate(page.error(), false);
      found += page.value().objects.size();
      request.continuation_token = page.value().next_token;
    } while (!request.continuation_token.empty());
    EXPECT_EQ(found, world_.fixed().size());
  }

  void Delete() {
    const Status deleted = client_->Delete(AnyShared().url, "", Call());
    if (!deleted.ok()) ExpectLegitimate(deleted.error(), true);
  }

  void DeleteMany() {
    const std::vector<S3Url> urls = {AnyShared().url, OwnUrl("copy"), OwnUrl("none")};
    const auto deleted = client_->DeleteMany(urls, Call());
    if (!deleted.ok()) return ExpectLegitimate(deleted.error(), false);
    for (const auto& [url, error] : deleted.value())
      ADD_FAILURE() << url.ToString() << ": " << error.message;
  }

  void Presign() {
    const auto url = client_->Presign({AnyObject().url, "GET", {}, 60});
    ASSERT_TRUE(url.ok()) << url.error().message;
    EXPECT_NE(url.value().find("X-Amz-Signature="), std::string::npos);
  }

  void AbortStale() {
    // None is that old.
    const auto none = client_->AbortStaleUploads(world_.Url(""), 0, Call());
    if (!none.ok()) return ExpectLegitimate(none.error(), false);
    EXPECT_EQ(none.value(), 0u);
    // An interrupted upload of this thread may be being aborted still.
    const auto own = client_->AbortStaleUploads(OwnUrl("parts"), INT64_MAX, Call());
    if (!own.ok()) ExpectLegitimate(own.error(), true);
  }

  void Replace() { world_.ReplaceClient(&random_); }

  std::shared_ptr<Client> client_;
};

// ---- the seam ----

// How an operation ended, and how often.
struct Landing {
  std::mutex mutex;
  std::condition_variable changed;
  int count = 0;
  std::optional<Error> error;
  uint64_t received = 0;

  void Note(std::optional<Error> outcome) {
    std::lock_guard lock(mutex);
    ++count;
    error = std::move(outcome);
    changed.notify_all();
  }
  void Wait() {
    std::unique_lock lock(mutex);
    if (changed.wait_for(lock, std::chrono::minutes(1), [&] { return count != 0; })) return;
    ADD_FAILURE() << "the completion did not run within a minute";
    std::abort();  // the operation may still write to memory that is about to die
  }
};

struct Flight {
  std::shared_ptr<Landing> landing = std::make_shared<Landing>();
  OperationPtr operation;
  bool shared = false;                   // of an object that others change
  std::vector<std::byte> memory;         // written to, or read from
  const StressObject* object = nullptr;  // of a Get
  uint64_t start = 0;
};

class StoreWorker : public StressWorker {
 public:
  using StressWorker::StressWorker;
  ~StoreWorker() override {
    for (const auto& landing : landings_) {
      std::lock_guard lock(landing->mutex);
      EXPECT_EQ(landing->count, 1);
    }
  }

 private:
  void Step() override {
    std::shared_ptr<Client> client =
        OneIn(3) ? StressWorld::MakeClient(&random_) : world_.AnyClient(&random_);
    store_ = {client, &client->store()};
    client.reset();
    if (OneIn(6)) return Upload();
    std::vector<Flight> flights(1 + Below(4));
    for (Flight& flight : flights) {
      Start(&flight);
      Disturb(flight);
    }
    store_.reset();  // perhaps the last one: the operations go on without it
    for (Flight& flight : flights) Land(&flight);
  }

  // A completion that notes the result, and may be what keeps the store.
  template <typename T>
  Completion<T> Noting(const Flight& flight) {
    landings_.push_back(flight.landing);
    return [landing = flight.landing, store = OneIn(2) ? store_ : nullptr](Result<T> result) {
      if constexpr (std::is_same_v<T, GetResult>) {
        if (result.ok()) landing->received = result.value().received;
      }
      landing->Note(result.ok() ? std::nullopt : std::optional(std::move(result).error()));
    };
  }

  void Start(Flight* flight) {
    const StressObject& object = AnyShared();
    const S3Url& url = object.url;
    flight->shared = true;
    switch (Below(10)) {
      case 0:
        flight->operation = store_->Head({url, ""}, Noting<ObjectInfo>(*flight));
        return;
      case 1:
        flight->operation =
            store_->List({kBucket, world_.Url("").key, "", "", "", 3}, Noting<ListPage>(*flight));
        return;
      case 2:
        flight->operation = store_->Delete(url, "", Noting<std::monostate>(*flight));
        return;
      case 3:
        flight->operation = store_->DeleteMany({kBucket, {url.key, OwnUrl("none").key}},
                                               Noting<std::vector<DeleteError>>(*flight));
        return;
      case 4:
        flight->operation = store_->Copy({OtherThan(object).url, "", "", url, {}, false},
                                         Noting<PutResult>(*flight));
        return;
      case 5:
      case 6:
        return StartPut(object, flight);
      default:
        return StartGet(AnyObject(), flight);
    }
  }

  void StartPut(const StressObject& object, Flight* flight) {
    const ConstBytes content =
        BytesOf(StressWorld::ContentOf(object, Below(StressWorld::kVersions)));
    flight->memory.assign(content.data, content.data + content.size);
    const PutRequest put = {object.url, {flight->memory.data(), content.size}, {}, ""};
    flight->operation = store_->Put(put, Noting<PutResult>(*flight));
  }

  void StartGet(const StressObject& object, Flight* flight) {
    flight->object = &object;
    flight->shared = object.shared;
    GetRequest get;
    get.url = object.url;
    get.whole = OneIn(2) || object.size == 0;
    get.range = get.whole ? ByteRange{0, std::max<size_t>(object.size, 1)} : RangeOf(object);
    flight->start = get.range.start;
    flight->memory.resize(*get.range.end - get.range.start);
    get.destination = {flight->memory.data(), flight->memory.size()};
    flight->operation = store_->Get(get, Noting<GetResult>(*flight));
  }

  void Disturb(const Flight& flight) {
    if (OneIn(2)) return;
    if (OneIn(4)) return flight.operation->Cancel();
    // Some of the pauses are longer than the operation.
    world_.cancels().Post([operation = flight.operation, pause = Below(1'500)] {
      Pause(pause);
      operation->Cancel();
    });
  }

  // Waits for the completion; then the memory is this thread's again.
  void Land(Flight* flight) {
    flight->landing->Wait();
    if (flight->landing->error) {
      ExpectLegitimate(*flight->landing->error, flight->shared);
    } else if (flight->object != nullptr) {
      const uint64_t received = flight->landing->received;
      EXPECT_EQ(received, flight->object->size == 0 ? 0 : flight->memory.size());
      EXPECT_TRUE(
          StressWorld::Matches(*flight->object, flight->start, {flight->memory.data(), received}));
    }
    WatchReleased(std::move(flight->memory));
    if (OneIn(4)) flight->operation->Cancel();  // too late: nothing happens
  }

  // Parts from memory and from another object; completed, or aborted when a part was cancelled.
  void Upload() {
    StoreDriver s3(store_, kBucket, OwnUrl("").key);
    store_.reset();
    const auto created = s3.CreateUpload("seam");
    ASSERT_TRUE(created.ok()) << created.error().message;
    const std::string& id = created.value();
    const auto pending = s3.ListUploads("seam");
    ASSERT_TRUE(pending.ok()) << pending.error().message;
    EXPECT_TRUE(std::any_of(pending.value().uploads.begin(), pending.value().uploads.end(),
                            [&](const PendingUpload& upload) { return upload.upload_id == id; }));
    const bool all = SendParts(s3, id);
    const auto parts = s3.ListParts("seam", id);
    ASSERT_TRUE(parts.ok()) << parts.error().message;
    if (!all) return AbortUntilGone(s3, id);
    EXPECT_EQ(parts.value().parts.size(), 2u);
    CompleteUploadRequest complete;
    complete.url = s3.Url("seam");
    complete.upload_id = id;
    complete.parts = parts.value().parts;
    const auto put = s3.CompleteUpload(complete);
    ASSERT_TRUE(put.ok()) << put.error().message;
    const auto last = s3.Read("seam", {kStressPartSize, kStressPartSize + 1'000});
    ASSERT_TRUE(last.ok()) << last.error().message;
    EXPECT_EQ(last.value(), StressWorld::ContentOf(world_.large()).substr(500, 1'000));
    EXPECT_TRUE(s3.Delete("seam").ok());
  }

  bool SendParts(StoreDriver& s3, const std::string& id) {
    Flight first;
    const ConstBytes content = BytesOf(StressWorld::ContentOf(world_.large()));
    first.memory.assign(content.data, content.data + kStressPartSize);
    first.operation = s3.store().UploadPart(
        {s3.Url("seam"), id, 1, {first.memory.data(), first.memory.size()}, ""},
        Noting<CompletedPart>(first));
    Flight second;
    UploadPartCopyRequest copy;
    copy.source = world_.large().url;
    copy.range = {500, 1'500};
    copy.url = s3.Url("seam");
    copy.upload_id = id;
    copy.part_number = 2;
    second.operation = s3.store().UploadPartCopy(copy, Noting<CompletedPart>(second));
    Disturb(first);
    Disturb(second);
    Land(&first);
    Land(&second);
    return !first.landing->error && !second.landing->error;
  }

  // A part whose request was cancelled may be stored after the abort, and bring the upload back.
  void AbortUntilGone(StoreDriver& s3, const std::string& id) {
    for (int gone = 0, attempt = 0; gone < 3 && attempt < 50; ++attempt) {
      const Status aborted = s3.AbortUpload("seam", id);
      if (!aborted.ok()) {
        EXPECT_EQ(aborted.error().code, ErrorCode::kNotFound) << aborted.error().message;
        ++gone;
      }
      Pause(10'000);
    }
  }

  std::shared_ptr<ObjectStore> store_;
  std::vector<std::shared_ptr<Landing>> landings_;
};

// ---- destinations that die ----

class RaceWorker : public StressWorker {
 public:
  using StressWorker::StressWorker;

 private:
  using Memory = std::unique_ptr<std::byte[]>;

  // The destination is freed in the completion or just after it, whatever ends the operation.
  void Step() override {
    const std::shared_ptr<Client> client = world_.AnyClient(&random_);
    const StressObject& object = world_.fixed()[world_.fixed().size() - 2];
    const size_t size = 1 + Below(OneIn(8) ? 100'000 : 4'000);
    const uint64_t start = Below(object.size - size);
    const auto memory = std::make_shared<Memory>(new std::byte[size]);
    const auto landing = std::make_shared<Landing>();
    GetRequest get;
    get.url = object.url;
    get.range = {start, start + size};
    get.destination = {memory->get(), size};
    const OperationPtr operation =
        client->store().Get(get, [=, &object, free_here = OneIn(2)](Result<GetResult> result) {
          if (result.ok()) {
            EXPECT_TRUE(StressWorld::Matches(object, start, {memory->get(), size}));
          }
          if (free_here) memory->reset();
          landing->Note(result.ok() ? std::nullopt : std::optional(result.error()));
        });
    CancelSomehow(operation);
    landing->Wait();
    memory->reset();
    if (landing->error) ExpectLegitimate(*landing->error, false);
    EXPECT_EQ(landing->count, 1);
  }

  void CancelSomehow(const OperationPtr& operation) {
    switch (Below(4)) {
      case 0:
        return operation->Cancel();
      case 1:
        Pause(Below(1'500));
        return operation->Cancel();
      case 2:
        return world_.cancels().Post([operation] { operation->Cancel(); });
      default:
        return;
    }
  }
};

// ---- tests ----

template <typename Worker>
void AddThreads(StressWorld* world, int count, int steps, std::vector<std::thread>* threads) {
  for (int i = 0; i < count; ++i) {
    const auto index = static_cast<unsigned>(threads->size());
    threads->emplace_back([=] { Worker(world, index).Run(steps); });
  }
}

void Join(std::vector<std::thread>* threads) {
  for (std::thread& thread : *threads) thread.join();
}

void ExpectMemoryReleased() {
  EXPECT_EQ(GetProcessMemory().budget->reserved(), 0u);
  EXPECT_EQ(GetProcessMemory().pool->stats().in_use_bytes, 0u);
}

TEST(Stress, MixedOperations) {
  if (!HasServer()) GTEST_SKIP() << "AWS_ENDPOINT_URL is not set";
  const uint64_t before = GlobalCounters().operations;
  {
    StressWorld world(kBucket);
    std::vector<std::thread> threads;
    AddThreads<ClientWorker>(&world, kClientThreads, kClientSteps, &threads);
    AddThreads<StoreWorker>(&world, kStoreThreads, kStoreSteps, &threads);
    Join(&threads);
    for (size_t i = 0; i < threads.size(); ++i) {
      for (const char* name : {"/parts", "/seam"})
        world.ExpectNoUploads(world.Url("own/" + std::to_string(i) + name));
    }
    EXPECT_GT(world.cancelled(), 0);
    RecordProperty("cancelled", world.cancelled());
  }
  ExpectMemoryReleased();
  RecordProperty("operations", std::to_string(GlobalCounters().operations - before));
}

TEST(Stress, MemoryOfCancelledGetsMayBeFreedAtOnce) {
  if (!HasServer()) GTEST_SKIP() << "AWS_ENDPOINT_URL is not set";
  {
    StressWorld world(kBucket);
    std::vector<std::thread> threads;
    AddThreads<RaceWorker>(&world, kRaceThreads, kRacesPerThread, &threads);
    Join(&threads);
    EXPECT_GT(world.cancelled(), 0);
    RecordProperty("cancelled", world.cancelled());
  }
  ExpectMemoryReleased();
}

}  // namespace
}  // namespace s3native
