#include "s3native/error.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

namespace s3native {
namespace {

TEST(ErrorCodeName, IsDistinctForEveryCode) {
  std::set<std::string> names;
  for (int code = 0; code <= static_cast<int>(ErrorCode::kOther); ++code) {
    names.insert(ErrorCodeName(static_cast<ErrorCode>(code)));
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(ErrorCode::kOther) + 1);
}

TEST(ErrorCodeName, SpellsTheEnumeratorWithoutItsK) {
  EXPECT_STREQ(ErrorCodeName(ErrorCode::kInvalidArgument), "InvalidArgument");
  EXPECT_STREQ(ErrorCodeName(ErrorCode::kNotFound), "NotFound");
  EXPECT_STREQ(ErrorCodeName(ErrorCode::kPreconditionFailed), "PreconditionFailed");
  EXPECT_STREQ(ErrorCodeName(ErrorCode::kOther), "Other");
}

TEST(Result, HoldsAValueOrAnError) {
  const Result<int> good = 7;
  ASSERT_TRUE(good.ok());
  EXPECT_EQ(good.value(), 7);

  const Result<int> bad = InvalidArgument("no");
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(bad.error().message, "no");
  EXPECT_FALSE(bad.error().retryable);
}

TEST(Result, HoldsMoveOnlyValues) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(3);
  const std::unique_ptr<int> value = std::move(result).value();
  EXPECT_EQ(*value, 3);
}

TEST(Result, StatusIsOkOrAnError) {
  EXPECT_TRUE(Ok().ok());
  const Status failed = InvalidArgument("x");
  EXPECT_FALSE(failed.ok());
}

}  // namespace
}  // namespace s3native
