#include "http_head.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace s3native {
namespace {

constexpr std::string_view kPartial =
    "HTTP/1.1 206 Partial Content\r\n"
    "x-amz-request-id: 4442587FB7D0A2F9\r\n"
    "ETag: \"b2419b1e3fd45d596ee22bdf62aaaa2f\"\r\n"
    "Content-Range: bytes 0-9/443\r\n"
    "Content-Type: text/plain\r\n"
    "Content-Length: 10\r\n"
    "\r\n";

HttpParse Outcome(std::string_view text) {
  HttpHead head;
  return ParseHttpHead(text, &head);
}

// The head of "HTTP/1.1 200 OK" and `fields`, each of which ends its line.
HttpParse WithFields(const std::string& fields, HttpHead* head) {
  static std::string text;  // what the head's views look into
  text = "HTTP/1.1 200 OK\r\n" + fields + "\r\n";
  return ParseHttpHead(text, head);
}

HttpParse OutcomeWith(const std::string& fields) {
  HttpHead head;
  return WithFields(fields, &head);
}

bool KeepsAlive(const std::string& version, const std::string& fields) {
  HttpHead head;
  EXPECT_EQ(ParseHttpHead("HTTP/" + version + " 200 OK\r\n" + fields + "\r\n", &head),
            HttpParse::kComplete)
      << version << " " << fields;
  return head.keep_alive;
}

TEST(HttpHead, ReadsAPartialResponse) {
  const std::string text = std::string(kPartial) + "0123456789";
  HttpHead head;
  ASSERT_EQ(ParseHttpHead(text, &head), HttpParse::kComplete);
  EXPECT_EQ(head.status, 206);
  EXPECT_EQ(head.size, kPartial.size());
  EXPECT_EQ(head.content_length, 10u);
  EXPECT_FALSE(head.chunked);
  EXPECT_TRUE(head.keep_alive);
  ASSERT_EQ(head.headers.size(), 5u);
  EXPECT_EQ(head.headers[0].first, "x-amz-request-id");
  EXPECT_EQ(head.headers[0].second, "4442587FB7D0A2F9");
  EXPECT_EQ(head.Header("Content-Range"), "bytes 0-9/443");
}

TEST(HttpHead, FindsHeadersInAnyCase) {
  HttpHead head;
  ASSERT_EQ(ParseHttpHead(kPartial, &head), HttpParse::kComplete);
  for (const char* name : {"ETag", "etag", "ETAG", "eTaG"})
    EXPECT_EQ(head.Header(name), "\"b2419b1e3fd45d596ee22bdf62aaaa2f\"") << name;
  for (const char* name : {"", "ETa", "ETagg", "x-amz-version-id"})
    EXPECT_EQ(head.Header(name), "") << name;
}

TEST(HttpHead, GivesTheFirstOfHeadersWithOneName) {
  HttpHead head;
  ASSERT_EQ(WithFields("X: 1\r\nx: 2\r\n", &head), HttpParse::kComplete);
  EXPECT_EQ(head.Header("x"), "1");
  EXPECT_EQ(head.headers.size(), 2u);
}

TEST(HttpHead, TrimsValues) {
  HttpHead head;
  ASSERT_EQ(
      WithFields("A:1\r\nB: \t 2  3 \t\r\nC:\r\nD:  \r\nE: x:y\r\ncontent-length:\t5 \r\n", &head),
      HttpParse::kComplete);
  EXPECT_EQ(head.Header("a"), "1");
  EXPECT_EQ(head.Header("b"), "2  3");
  EXPECT_EQ(head.Header("c"), "");
  EXPECT_EQ(head.Header("d"), "");
  EXPECT_EQ(head.Header("e"), "x:y");
  EXPECT_EQ(head.content_length, 5u);
}

TEST(HttpHead, TakesBareLineFeeds) {
  const std::string text = "HTTP/1.1 200 OK\nContent-Length: 3\n\r\nabc";
  HttpHead head;
  ASSERT_EQ(ParseHttpHead(text, &head), HttpParse::kComplete);
  EXPECT_EQ(head.content_length, 3u);
  EXPECT_EQ(text.substr(head.size), "abc");
}

TEST(HttpHead, IsIncompleteUpToItsLastByte) {
  HttpHead head;
  for (size_t size = 0; size < kPartial.size(); ++size) {
    const std::vector<char> prefix(kPartial.begin(), kPartial.begin() + size);
    EXPECT_EQ(ParseHttpHead({prefix.data(), size}, &head), HttpParse::kIncomplete) << size;
  }
  EXPECT_EQ(ParseHttpHead(kPartial, &head), HttpParse::kComplete);
}

TEST(HttpHead, ForgetsWhatItHeldBefore) {
  HttpHead head;
  ASSERT_EQ(WithFields("Content-Length: 7\r\nConnection: close\r\n", &head), HttpParse::kComplete);
  ASSERT_EQ(WithFields("Transfer-Encoding: chunked\r\n", &head), HttpParse::kComplete);
  EXPECT_FALSE(head.content_length);
  EXPECT_TRUE(head.chunked);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_EQ(head.headers.size(), 1u);
  ASSERT_EQ(ParseHttpHead("HTTP/1.0", &head), HttpParse::kIncomplete);
  EXPECT_EQ(head.status, 0);
  EXPECT_EQ(head.size, 0u);
  EXPECT_FALSE(head.chunked);
  EXPECT_TRUE(head.headers.empty());
}

TEST(HttpHead, KeepsTheConnectionAsVersionAndServerSay) {
  EXPECT_TRUE(KeepsAlive("1.1", ""));
  EXPECT_FALSE(KeepsAlive("1.1", "Connection: close\r\n"));
  EXPECT_FALSE(KeepsAlive("1.1", "connection:CLOSE\r\n"));
  EXPECT_TRUE(KeepsAlive("1.1", "Connection: keep-alive\r\n"));
  EXPECT_FALSE(KeepsAlive("1.0", ""));
  EXPECT_TRUE(KeepsAlive("1.0", "Connection: Keep-Alive\r\n"));
  EXPECT_FALSE(KeepsAlive("1.0", "Connection: close\r\n"));
}

TEST(HttpHead, ReadsConnectionAsAList) {
  EXPECT_FALSE(KeepsAlive("1.1", "Connection: x-trace, close\r\n"));
  EXPECT_FALSE(KeepsAlive("1.1", "Connection: close , keep-alive\r\n"));
  EXPECT_FALSE(KeepsAlive("1.1", "Connection: keep-alive,close\r\n"));
  EXPECT_TRUE(KeepsAlive("1.0", "Connection: x-trace,keep-alive\r\n"));
  EXPECT_TRUE(KeepsAlive("1.1", "Connection: closed, x-close\r\n"));
  EXPECT_TRUE(KeepsAlive("1.1", "Connection: ,,\r\n"));
}

TEST(HttpHead, TakesOneLengthOnly) {
  HttpHead head;
  ASSERT_EQ(WithFields("Content-Length: 5\r\nContent-Length: 5\r\n", &head), HttpParse::kComplete);
  EXPECT_EQ(head.content_length, 5u);
  ASSERT_EQ(WithFields("Content-Length: 5\r\ncontent-length: 005\r\n", &head),
            HttpParse::kComplete);
  EXPECT_EQ(OutcomeWith("Content-Length: 5\r\nContent-Length: 6\r\n"), HttpParse::kMalformed);
  EXPECT_EQ(OutcomeWith("Content-Length: 0\r\nX: y\r\ncontent-length: 6\r\n"),
            HttpParse::kMalformed);
}

TEST(HttpHead, TakesLengthsUpToTheLargest) {
  HttpHead head;
  ASSERT_EQ(WithFields("Content-Length: 0\r\n", &head), HttpParse::kComplete);
  EXPECT_EQ(head.content_length, 0u);
  ASSERT_EQ(WithFields("Content-Length: 18446744073709551615\r\n", &head), HttpParse::kComplete);
  EXPECT_EQ(head.content_length, UINT64_MAX);
}

TEST(HttpHead, RefusesLengthsThatAreNone) {
  for (const char* length : {"", "-1", "-0", "+5", "18446744073709551616", "99999999999999999999",
                             "5x", "x5", "0x5", "5 5", "5,5", "5.0", "1e3"})
    EXPECT_EQ(OutcomeWith("Content-Length: " + std::string(length) + "\r\n"), HttpParse::kMalformed)
        << length;
}

TEST(HttpHead, TakesTheChunkedCodingOnly) {
  HttpHead head;
  ASSERT_EQ(WithFields("transfer-encoding: Chunked\r\n", &head), HttpParse::kComplete);
  EXPECT_TRUE(head.chunked);
  for (const char* coding : {"", "gzip", "gzip, chunked", "chunked, chunked", "identity"})
    EXPECT_EQ(OutcomeWith("Transfer-Encoding: " + std::string(coding) + "\r\n"),
              HttpParse::kMalformed)
        << coding;
  EXPECT_EQ(OutcomeWith("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
            HttpParse::kMalformed);
}

TEST(HttpHead, RefusesALengthBesideChunks) {
  EXPECT_EQ(OutcomeWith("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
            HttpParse::kMalformed);
  EXPECT_EQ(OutcomeWith("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
            HttpParse::kMalformed);
}

TEST(HttpHead, RefusesWhatIsNoHeaderLine) {
  for (const char* line :
       {" folded", "\tfolded", " Folded: 1", "\tFolded: 1", "NoColon", ": value", ":", "Space : 1",
        "Tab\t: 1", "Content-Length : 5", "Content-Length\t: 5", "Two words: 1", "Return\r: 1",
        "Content-Length\v: 5"})
    EXPECT_EQ(OutcomeWith("A: 1\r\n" + std::string(line) + "\r\n"), HttpParse::kMalformed) << line;
  EXPECT_EQ(OutcomeWith(" A: 1\r\n"), HttpParse::kMalformed);
}

TEST(HttpHead, TakesStatusLinesWithAndWithoutReason) {
  HttpHead head;
  for (const char* line :
       {"HTTP/1.1 200 OK", "HTTP/1.1 200", "HTTP/1.1 200 ", "HTTP/1.0 200 Fine"}) {
    ASSERT_EQ(ParseHttpHead(std::string(line) + "\r\n\r\n", &head), HttpParse::kComplete) << line;
    EXPECT_EQ(head.status, 200) << line;
  }
  ASSERT_EQ(ParseHttpHead("HTTP/1.1 599 ?\r\n\r\n", &head), HttpParse::kComplete);
  EXPECT_EQ(head.status, 599);
}

TEST(HttpHead, RefusesBadStatusLines) {
  for (const char* line : {"",
                           " ",
                           "HTTP/1.1",
                           "HTTP/1.1 ",
                           "HTTP/1.1 20",
                           "HTTP/1.1 2000",
                           "HTTP/1.1 200OK",
                           "HTTP/1.1 099 X",
                           "HTTP/1.1 000",
                           "HTTP/1.1 -20 X",
                           "HTTP/1.1 +20 X",
                           "HTTP/1.1 2x0 X",
                           "HTTP/1.1  200 OK",
                           "HTTP/1.1\t200 OK",
                           "HTTP/1.2 200 OK",
                           "HTTP/2.0 200 OK",
                           "HTTP/2 200",
                           "http/1.1 200 OK",
                           " HTTP/1.1 200 OK",
                           "HTTP/11 200 OK.",
                           "HTTPS/1.1 200 OK",
                           "SSH-2.0-OpenSSH_9.2",
                           "<html><body>"})
    EXPECT_EQ(Outcome(std::string(line) + "\r\n\r\n"), HttpParse::kMalformed) << line;
}

TEST(HttpHead, StopsAfterAnInterimResponse) {
  const std::string text = "HTTP/1.1 100 Continue\r\n\r\n" + std::string(kPartial);
  HttpHead head;
  ASSERT_EQ(ParseHttpHead(text, &head), HttpParse::kComplete);
  EXPECT_EQ(head.status, 100);
  EXPECT_EQ(head.size, 25u);
  EXPECT_TRUE(head.headers.empty());
  ASSERT_EQ(ParseHttpHead(std::string_view(text).substr(head.size), &head), HttpParse::kComplete);
  EXPECT_EQ(head.status, 206);
}

TEST(HttpHead, ReadsManyHeaders) {
  std::string fields;
  for (int i = 0; i < 2000; ++i)
    fields += "x-amz-meta-" + std::to_string(i) + ": " + std::to_string(i) + "\r\n";
  HttpHead head;
  ASSERT_EQ(WithFields(fields, &head), HttpParse::kComplete);
  EXPECT_EQ(head.headers.size(), 2000u);
  EXPECT_EQ(head.Header("X-Amz-Meta-1999"), "1999");
}

HttpParse Decode(std::string_view text, std::string* body, size_t* used) {
  // Memory of the very size, so that a sanitizer sees what reads beyond it.
  const std::vector<char> exact(text.begin(), text.end());
  return DecodeChunked({exact.data(), exact.size()}, body, used);
}

// The body of `text`, all of which it must take; otherwise what became of it.
std::string Decoded(std::string_view text) {
  std::string body = "left over";
  size_t used = 0;
  const HttpParse parsed = Decode(text, &body, &used);
  if (parsed == HttpParse::kIncomplete) return "incomplete";
  if (parsed == HttpParse::kMalformed) return "malformed";
  EXPECT_EQ(used, text.size()) << text;
  return body;
}

TEST(DecodeChunked, JoinsChunks) {
  EXPECT_EQ(Decoded("0\r\n\r\n"), "");
  EXPECT_EQ(Decoded("5\r\nhello\r\n0\r\n\r\n"), "hello");
  EXPECT_EQ(Decoded("5\r\nhello\r\n1\r\n,\r\n6\r\n world\r\n0\r\n\r\n"), "hello, world");
  EXPECT_EQ(Decoded("5\nhello\n0\n\n"), "hello");
}

TEST(DecodeChunked, TakesSizesInHexadecimal) {
  const std::string text(0x1af, 'x');
  for (const char* size : {"1af", "1AF", "1aF", "0001af"})
    EXPECT_EQ(Decoded(size + ("\r\n" + text) + "\r\n0\r\n\r\n"), text) << size;
  EXPECT_EQ(Decoded("1\r\nx\r\n000\r\n\r\n"), "x");
}

TEST(DecodeChunked, TakesAnyByteInAChunk) {
  const std::string bytes("\r\n0\r\n\r\n\0;", 9);
  EXPECT_EQ(Decoded("9\r\n" + bytes + "\r\n0\r\n\r\n"), bytes);
}

TEST(DecodeChunked, PassesOverExtensionsAndTrailers) {
  EXPECT_EQ(Decoded("5;name=value\r\nhello\r\n0;last\r\n\r\n"), "hello");
  EXPECT_EQ(Decoded("5 ; a=\"b\" ; c\r\nhello\r\n0\r\n\r\n"), "hello");
  EXPECT_EQ(Decoded("5\r\nhello\r\n0\r\nx-amz-checksum-crc32: AAAAAA==\r\nB: 2\r\n\r\n"), "hello");
}

TEST(DecodeChunked, LeavesWhatComesAfter) {
  std::string body;
  size_t used = 0;
  const std::string_view text = "3\r\nabc\r\n0\r\nT: 1\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
  ASSERT_EQ(Decode(text, &body, &used), HttpParse::kComplete);
  EXPECT_EQ(body, "abc");
  EXPECT_EQ(text.substr(used), "HTTP/1.1 200 OK\r\n\r\n");
}

TEST(DecodeChunked, IsIncompleteUpToItsLastByte) {
  const std::string_view text =
      "5;x=y\r\nhello\r\n10\r\n0123456789\r\nabcd\r\n0\r\nTrailer: 1\r\n\r\n";
  std::string body;
  size_t used = 0;
  for (size_t size = 0; size < text.size(); ++size)
    EXPECT_EQ(Decode(text.substr(0, size), &body, &used), HttpParse::kIncomplete) << size;
  ASSERT_EQ(Decode(text, &body, &used), HttpParse::kComplete);
  EXPECT_EQ(body, "hello0123456789\r\nabcd");
}

TEST(DecodeChunked, RefusesBadSizes) {
  for (const char* size : {"", " ", ";x", "x", "5x", "g", "-1", "-0", "+5", "0x5", "5 5", "5,",
                           "10000000000000000", "ffffffffffffffffffff"})
    EXPECT_EQ(Decoded(std::string(size) + "\r\nhello\r\n0\r\n\r\n"), "malformed") << size;
  EXPECT_EQ(Decoded("5\r\nhello\r\n\r\n0\r\n\r\n"), "malformed");
}

TEST(DecodeChunked, RefusesChunksThatAreLongerThanTheySay) {
  EXPECT_EQ(Decoded("4\r\nhello\r\n0\r\n\r\n"), "malformed");
  EXPECT_EQ(Decoded("5\r\nhello0\r\n\r\n"), "malformed");
  EXPECT_EQ(Decoded("5\r\nhello\r0\r\n\r\n"), "malformed");
  EXPECT_EQ(Decoded("5\r\nhelloX"), "malformed");
}

TEST(DecodeChunked, WaitsForHugeChunksWithoutOverflow) {
  for (const char* size :
       {"FFFFFFFFFFFFFFFF", "fffffffffffffffe", "8000000000000000", "7fffffffff"})
    EXPECT_EQ(Decoded(size + std::string("\r\nhello\r\n0\r\n\r\n")), "incomplete") << size;
  EXPECT_EQ(Decoded("5\r\nhello\r\nFFFFFFFFFFFFFFFF\r\n"), "incomplete");
  EXPECT_EQ(Decoded("5\r\nhello\r\nFFFFFFFFFFFFFFFB\r\nhello\r\n0\r\n\r\n"), "incomplete");
}

// Changes, removes, repeats and inserts a few bytes.
std::string Mutated(std::string text, std::mt19937* random) {
  constexpr std::string_view kSpice("\r\n \t:;,-+0159afF\0\x80\xff", 20);
  for (unsigned left = 1 + (*random)() % 4; left != 0; --left) {
    const size_t at = text.empty() ? 0 : (*random)() % text.size();
    const char spice = kSpice[(*random)() % kSpice.size()];
    switch ((*random)() % 5) {
      case 0:
        if (!text.empty()) text[at] = spice;
        break;
      case 1:
        text.insert(at, 1, spice);
        break;
      case 2:
        text.erase(at, 1 + (*random)() % 8);
        break;
      case 3:
        text.insert(at, text.substr(at, (*random)() % 24));
        break;
      default:
        text.resize(at);
    }
  }
  return text;
}

TEST(HttpHead, SurvivesMutations) {
  const std::vector<std::string> seeds = {
      std::string(kPartial), "HTTP/1.0 200\nConnection: keep-alive\nTransfer-Encoding: chunked\n\n",
      "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nerror",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
      "18446744073709551615\r\n\r\n"};
  std::mt19937 random(11);
  HttpHead head;
  int complete = 0;
  for (int round = 0; round < 20000; ++round) {
    const std::string mutated = Mutated(seeds[round % seeds.size()], &random);
    const std::vector<char> exact(mutated.begin(), mutated.end());
    const std::string_view text(exact.data(), exact.size());
    if (ParseHttpHead(text, &head) != HttpParse::kComplete) continue;
    ++complete;
    ASSERT_GE(head.status, 100);
    ASSERT_LE(head.status, 999);
    ASSERT_LE(head.size, text.size());
    ASSERT_FALSE(head.chunked && head.content_length);
    for (const auto& [name, value] : head.headers) ASSERT_FALSE(name.empty());
    // The head ends where it says: no byte earlier, and whatever follows.
    HttpHead again;
    ASSERT_EQ(ParseHttpHead(text.substr(0, head.size), &again), HttpParse::kComplete);
    ASSERT_EQ(again.headers, head.headers);
    ASSERT_EQ(ParseHttpHead(text.substr(0, head.size - 1), &again), HttpParse::kIncomplete);
  }
  EXPECT_GT(complete, 1000);
}

TEST(DecodeChunked, SurvivesMutations) {
  const std::vector<std::string> seeds = {
      "5;x=y\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\nTrailer: 1\r\n\r\n", "1\na\n2\nbc\n0\n\n",
      "ffffffffffffffff\r\nx\r\n0\r\n\r\n",
      "1F\r\n0123456789012345678901234567890\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"};
  std::mt19937 random(13);
  int complete = 0;
  for (int round = 0; round < 20000; ++round) {
    const std::string text = Mutated(seeds[round % seeds.size()], &random);
    std::string body, again;
    size_t used = 0, used_again = 0;
    if (Decode(text, &body, &used) != HttpParse::kComplete) continue;
    ++complete;
    ASSERT_LE(used, text.size());
    ASSERT_LT(body.size(), used);
    ASSERT_EQ(Decode(text.substr(0, used), &again, &used_again), HttpParse::kComplete);
    ASSERT_EQ(again, body);
    ASSERT_EQ(Decode(text.substr(0, used - 1), &again, &used_again), HttpParse::kIncomplete);
  }
  EXPECT_GT(complete, 1000);
}

}  // namespace
}  // namespace s3native
