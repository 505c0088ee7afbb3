#include "get_many.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/memory_store.h"

namespace s3native {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kEnough = 16 * kMiB;
constexpr uint64_t kLarge = 10 * kMiB;  // more than half of that: fills all connections

// Keeps every GET back until the test answers it, or says that its tail has begun.
class ByHandStore : public MemoryStore {
 public:
  class Asked : public Operation {
   public:
    explicit Asked(GetRequest get, Completion<GetResult> done)
        : get(std::move(get)), done(std::move(done)) {}
    void Cancel() override {
      if (const auto end = std::exchange(done, nullptr)) end(CancelledError());
    }
    static Error CancelledError() {
      Error error;
      error.code = ErrorCode::kCancelled;
      return error;
    }
    GetRequest get;
    Completion<GetResult> done;
  };

  OperationPtr Get(GetRequest request, Completion<GetResult> done) override {
    const std::string key = request.url.key;
    auto asked = std::make_shared<Asked>(std::move(request), std::move(done));
    order.push_back(key);
    return in_flight[key] = asked;
  }
  void Tail(const std::string& key) { in_flight.at(key)->get.on_tail(); }
  // Has the object's first request, or the rest, arrive.
  void Answer(const std::string& key, uint64_t size) {
    const auto asked = in_flight.at(key);
    in_flight.erase(key);
    GetResult result;
    result.received = std::min(*asked->get.range.end, size) - asked->get.range.start;
    result.info.size = size;
    result.info.etag = "\"x\"";
    std::exchange(asked->done, nullptr)(std::move(result));
  }

  std::vector<std::string> order;  // of the requests
  std::map<std::string, std::shared_ptr<Asked>> in_flight;
};

class GetMany : public testing::Test {
 protected:
  void Open(bool ordered) {
    stream_ = MakeGetManyStream(store_, GetProcessMemory(), predictor_, {ordered, 32}, kEnough);
  }
  // As long as the stream wants them.
  void Add(std::vector<std::pair<std::string, uint64_t>> known) {
    for (auto& [key, size] : known) {
      ASSERT_TRUE(stream_->WantsMore()) << key;
      GetManyRequest request{S3Url{"b", key}, std::nullopt, {}};
      if (size != 0) request.expected_size = size;
      stream_->Add(std::move(request));
    }
  }
  // What there is by now; -1: nothing.
  int Next() {
    bool asked = false;
    const auto item = stream_->Next({[&] { return std::exchange(asked, true); }});
    return item.ok() && item.value() ? static_cast<int>(item.value()->index) : -1;
  }
  std::vector<std::string> Asked() const { return store_.order; }

  ByHandStore store_;
  SizePredictor predictor_{8 * kMiB};
  std::unique_ptr<GetManyStream> stream_;
};

using Keys = std::vector<std::string>;

TEST_F(GetMany, ALargeObjectBeginsWhenTheOneBeforeHasAllButArrived) {
  Open(true);
  Add({{"a", kLarge}, {"b", kLarge}});
  EXPECT_FALSE(stream_->WantsMore());
  EXPECT_EQ(Asked(), Keys({"a"}));
  store_.Tail("a");
  EXPECT_EQ(Next(), -1);
  EXPECT_EQ(Asked(), Keys({"a", "b"}));
  // The third one not before the first one is there, whatever comes of the second.
  Add({{"c", kLarge}});
  store_.Tail("b");
  EXPECT_EQ(Next(), -1);
  EXPECT_EQ(Asked(), Keys({"a", "b"}));
  store_.Answer("a", kLarge);
  EXPECT_EQ(Next(), 0);
  EXPECT_EQ(Asked(), Keys({"a", "b"}));  // it takes the memory of the first one, once dropped
  EXPECT_EQ(Next(), -1);
  EXPECT_EQ(Asked(), Keys({"a", "b", "c"}));
}

TEST_F(GetMany, ALargeObjectBeginsWhenNothingElseIsUnderWay) {
  Open(true);
  Add({{"a", kLarge}, {"b", kLarge}});
  store_.Answer("a", kLarge);
  EXPECT_EQ(Next(), 0);
  EXPECT_EQ(Asked(), Keys({"a", "b"}));  // while somebody works on the first one
}

TEST_F(GetMany, OneThatIsReadyKeepsLargeOnesBack) {
  Open(false);
  Add({{"a", kLarge}, {"b", kLarge}});
  store_.Tail("a");
  EXPECT_EQ(Next(), -1);
  store_.Answer("b", kLarge);
  store_.Answer("a", kLarge);
  Add({{"c", kLarge}});
  EXPECT_EQ(Asked(), Keys({"a", "b"}));
  EXPECT_EQ(Next(), 1);
  EXPECT_EQ(Asked(), Keys({"a", "b"}));
  EXPECT_EQ(Next(), 0);
  EXPECT_EQ(Asked(), Keys({"a", "b", "c"}));
}

TEST_F(GetMany, ThoseThatTurnOutLargeComeInOrder) {
  Open(true);
  Add({{"a", 0}, {"b", 0}, {"c", 0}});
  EXPECT_EQ(Asked(), Keys({"a", "b", "c"}));
  store_.Answer("c", kLarge);
  store_.Answer("b", kLarge);
  EXPECT_EQ(Next(), -1);
  EXPECT_EQ(Asked(), Keys({"a", "b", "c"}));  // they would lie about until the first one is there
  store_.Answer("a", kLarge);
  EXPECT_EQ(Next(), -1);
  EXPECT_EQ(Asked(), Keys({"a", "b", "c", "a"}));
  store_.Tail("a");
  EXPECT_EQ(Next(), -1);
  EXPECT_EQ(Asked(), Keys({"a", "b", "c", "a", "b"}));
}

TEST_F(GetMany, SmallOnesAreUnderWayTogether) {
  Open(true);
  Add({{"a", kMiB}, {"b", kMiB}, {"c", kMiB}, {"d", kMiB}});
  EXPECT_EQ(Asked(), Keys({"a", "b", "c", "d"}));
  for (const char* key : {"d", "c", "b", "a"}) store_.Answer(key, kMiB);
  for (int index = 0; index < 4; ++index) EXPECT_EQ(Next(), index);
}

TEST_F(GetMany, NoMoreThanEnoughIsUnderWay) {
  Open(true);
  std::vector<std::pair<std::string, uint64_t>> objects;
  for (const char* key : {"a", "b", "c", "d", "e"}) objects.emplace_back(key, 5 * kMiB);
  Add(objects);
  EXPECT_EQ(Asked(), Keys({"a", "b", "c", "d"}));  // the fourth still meets room
  EXPECT_FALSE(stream_->WantsMore());
  store_.Answer("a", 5 * kMiB);
  EXPECT_EQ(Next(), 0);
  EXPECT_EQ(Next(), -1);
  EXPECT_EQ(Asked(), Keys({"a", "b", "c", "d", "e"}));
}

TEST_F(GetMany, AnObjectThatIsLargerThanExpectedIsWhole) {
  Open(true);
  Add({{"a", kMiB}});
  store_.Answer("a", 3 * kMiB);
  EXPECT_EQ(Next(), -1);
  EXPECT_EQ(Asked(), Keys({"a", "a"}));
  EXPECT_EQ(store_.in_flight.at("a")->get.range, (ByteRange{kMiB, 3 * kMiB}));
  store_.Answer("a", 3 * kMiB);
  EXPECT_EQ(Next(), 0);
}

}  // namespace
}  // namespace s3native
