#include "time_format.h"

#include <gtest/gtest.h>

namespace s3native {
namespace {

TEST(ParseHttpDate, ReadsImfFixdate) {
  EXPECT_EQ(ParseHttpDate("Sun, 06 Nov 1994 08:49:37 GMT"), 784'111'777'000);
  EXPECT_EQ(ParseHttpDate("Thu, 01 Jan 1970 00:00:01 GMT"), 1000);
  EXPECT_EQ(ParseHttpDate("Thu, 29 Feb 2024 23:59:59 GMT"), 1'709'251'199'000);
  EXPECT_EQ(ParseHttpDate("Tue, 19 Jan 2038 03:14:08 GMT"), 2'147'483'648'000);
  EXPECT_EQ(ParseHttpDate("Fri, 31 Dec 9999 23:59:59 GMT"), 253'402'300'799'000);
}

TEST(ParseHttpDate, ReadsDatesBeforeTheEpochAndLeapSeconds) {
  EXPECT_EQ(ParseHttpDate("Wed, 31 Dec 1969 23:59:59 GMT"), -1000);
  EXPECT_EQ(ParseHttpDate("Sat, 31 Dec 2016 23:59:60 GMT"), 1'483'228'800'000);
}

TEST(ParseHttpDate, IsZeroForWhatIsMalformed) {
  for (const char* text : {"", "Sun", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC",
                           "Sun, 6 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                           "Sun Nov  6 08:49:37 1994", "Xxx, 06 Nov 1994 08:49:37 GMT",
                           "Sun, 06 Xxx 1994 08:49:37 GMT", "Sun, 30 Feb 2024 08:49:37 GMT",
                           "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 29 Feb 2023 08:49:37 GMT",
                           "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:00 GMT",
                           "Sun, 06 Nov 1994 08:00:61 GMT", "Sun, 06 Nov 1994 08:49:37 GMT ",
                           "Sun, -6 Nov 1994 08:49:37 GMT", "sun, 06 nov 1994 08:49:37 gmt"}) {
    EXPECT_EQ(ParseHttpDate(text), 0) << text;
  }
}

TEST(ParseIso8601, ReadsWithAndWithoutFraction) {
  EXPECT_EQ(ParseIso8601("2009-10-12T17:50:30.000Z"), 1'255'369'830'000);
  EXPECT_EQ(ParseIso8601("2009-10-12T17:50:30Z"), 1'255'369'830'000);
  EXPECT_EQ(ParseIso8601("2009-10-12T17:50:30.5Z"), 1'255'369'830'500);
  EXPECT_EQ(ParseIso8601("2009-10-12T17:50:30.12Z"), 1'255'369'830'120);
  EXPECT_EQ(ParseIso8601("2009-10-12T17:50:30.123456789Z"), 1'255'369'830'123);
  EXPECT_EQ(ParseIso8601("2000-02-29T00:00:00Z"), 951'782'400'000);
}

TEST(ParseIso8601, IsZeroForWhatIsMalformed) {
  for (const char* text :
       {"", "2009", "2009-10-12", "2009-10-12T17:50:30", "2009-10-12T17:50:30.Z",
        "2009-10-12 17:50:30Z", "2009-10-12T17:50:30.000+01:00", "2009-13-12T17:50:30Z",
        "2009-00-12T17:50:30Z", "2009-10-32T17:50:30Z", "2009-10-12T24:50:30Z",
        "2009-1-12T17:50:30Z", "2009-10-12T17:50:30.000ZZ", "+009-10-12T17:50:30Z",
        "1900-02-29T00:00:00Z"}) {
    EXPECT_EQ(ParseIso8601(text), 0) << text;
  }
}

}  // namespace
}  // namespace s3native
