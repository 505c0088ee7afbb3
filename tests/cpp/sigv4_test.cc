#include "sigv4.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "sha256.h"

namespace s3native {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

using Headers = std::vector<std::pair<std::string, std::string>>;

constexpr int64_t kDay = 86400;
constexpr int64_t kMay24 = 1369353600;  // 2013-05-24T00:00:00Z
constexpr char kEmptySha256[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
// Those of Amazon's documentation.
constexpr SigningCredentials kExample = {"AKIAIOSFODNN7EXAMPLE",
                                         "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};
constexpr SigningCredentials kOther = {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                                       "a/session+token=="};

struct Request {
  std::string method = "GET";
  std::string target = "/test.txt";
  Headers headers;
};

std::string Sign(RequestSigner* signer, const Request& request,
                 const SigningCredentials& credentials = kExample, int64_t unix_s = kMay24,
                 std::string_view payload_hash = kEmptySha256) {
  return signer->Sign(
      {request.method, request.target, "examplebucket.s3.amazonaws.com", request.headers},
      credentials, unix_s, payload_hash);
}

// By a signer of its own, so with a fresh key.
std::string SignAfresh(const Request& request, const SigningCredentials& credentials = kExample,
                       int64_t unix_s = kMay24) {
  RequestSigner signer("us-east-1");
  return Sign(&signer, request, credentials, unix_s);
}

// What stands between `from` and the next `to`.
std::string Between(const std::string& text, const std::string& from, const std::string& to) {
  const size_t start = text.find(from);
  if (start == std::string::npos) return "no " + from;
  return text.substr(start + from.size(), text.find(to, start) - start - from.size());
}

std::string Signature(const std::string& head) { return Between(head, "Signature=", "\r\n"); }
std::string SignedHeaders(const std::string& head) { return Between(head, "SignedHeaders=", ","); }

std::string SignatureOf(const Request& request) { return Signature(SignAfresh(request)); }

std::string Hex(const std::string& bytes) {
  std::string hex;
  for (const char c : bytes) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(c));
    hex += digits;
  }
  return hex;
}

TEST(RequestSigner, HasTheHashesOfTheStandards) {
  EXPECT_EQ(Hex(Sha256("")), kEmptySha256);
  EXPECT_EQ(Hex(Sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  // RFC 4231, test cases 1, 2 and 6: a key longer than a block.
  EXPECT_EQ(Hex(HmacSha256(std::string(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(Hex(HmacSha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(Hex(HmacSha256(std::string(131, '\xaa'),
                           "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(RequestSigner, SignsAmazonsGetObject) {
  const std::string head = SignAfresh({"GET", "/test.txt", {{"Range", "bytes=0-9"}}});
  EXPECT_EQ(head,
            "GET /test.txt HTTP/1.1\r\n"
            "Host: examplebucket.s3.amazonaws.com\r\n"
            "range: bytes=0-9\r\n"
            "x-amz-content-sha256: " +
                std::string(kEmptySha256) +
                "\r\n"
                "x-amz-date: 20130524T000000Z\r\n"
                "authorization: AWS4-HMAC-SHA256 "
                "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
                "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
                "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41\r\n");
}

TEST(RequestSigner, SignsAmazonsPutObject) {
  RequestSigner signer("us-east-1");
  const Request put = {
      "PUT",
      "/test%24file.text",
      {{"Date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}}};
  const std::string head =
      Sign(&signer, put, kExample, kMay24, Hex(Sha256("Welcome to Amazon S3.")));
  EXPECT_EQ(Signature(head), "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST(RequestSigner, SignsAmazonsGetBucketLifecycle) {
  EXPECT_EQ(SignatureOf({"GET", "/?lifecycle", {}}),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

TEST(RequestSigner, SignsAmazonsListObjects) {
  EXPECT_EQ(SignatureOf({"GET", "/?max-keys=2&prefix=J", {}}),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(RequestSigner, SortsTheQueryForTheSignatureOnly) {
  const std::string head = SignAfresh({"GET", "/?prefix=J&max-keys=2", {}});
  EXPECT_THAT(head, StartsWith("GET /?prefix=J&max-keys=2 HTTP/1.1\r\n"));
  EXPECT_EQ(Signature(head), SignatureOf({"GET", "/?max-keys=2&prefix=J", {}}));
  EXPECT_EQ(SignatureOf({"PUT", "/k?uploadId=x&partNumber=1", {}}),
            SignatureOf({"PUT", "/k?partNumber=1&uploadId=x", {}}));
  // By names, not by whole parameters: '=' sorts behind '-' and digits. The signature is
  // botocore's.
  for (const char* target : {"/?a1=3&a=1&a-b=2", "/?a-b=2&a=1&a1=3", "/?a=1&a-b=2&a1=3"})
    EXPECT_EQ(SignatureOf({"GET", target, {}}),
              "bf9902d481923a84d7c4aa840828cf2d07d989120a319c9a772d8a2dda2ce2a3")
        << target;
  EXPECT_EQ(SignatureOf({"GET", "/?a=2&a=1", {}}), SignatureOf({"GET", "/?a=1&a=2", {}}));
  EXPECT_NE(SignatureOf({"GET", "/?a=1&b=2", {}}), SignatureOf({"GET", "/?a=2&b=1", {}}));
}

TEST(RequestSigner, TakesAParameterWithoutEqualsAsEmpty) {
  EXPECT_EQ(SignatureOf({"GET", "/?lifecycle", {}}), SignatureOf({"GET", "/?lifecycle=", {}}));
  EXPECT_EQ(SignatureOf({"POST", "/k?uploads", {}}), SignatureOf({"POST", "/k?uploads=", {}}));
  EXPECT_EQ(SignatureOf({"GET", "/?b&a=1", {}}), SignatureOf({"GET", "/?a=1&b=", {}}));
  EXPECT_EQ(SignatureOf({"GET", "/k?", {}}), SignatureOf({"GET", "/k", {}}));
}

TEST(RequestSigner, LeavesThePayloadUnsignedUnlessToldItsHash) {
  RequestSigner signer("us-east-1");
  const Headers none;
  const RequestHead request{"PUT", "/k", "b.s3.amazonaws.com", none};
  const std::string head = signer.Sign(request, kExample, kMay24);
  EXPECT_THAT(head, HasSubstr("\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\n"));
  EXPECT_NE(Signature(head), Signature(signer.Sign(request, kExample, kMay24, kEmptySha256)));
}

TEST(RequestSigner, SendsAndSignsASessionToken) {
  const SigningCredentials with_token = {kExample.access_key_id, kExample.secret_access_key,
                                         "a/session+token=="};
  const std::string head = SignAfresh({}, with_token);
  EXPECT_THAT(head, HasSubstr("\r\nx-amz-security-token: a/session+token==\r\n"));
  EXPECT_EQ(SignedHeaders(head), "host;x-amz-content-sha256;x-amz-date;x-amz-security-token");
  EXPECT_NE(Signature(head), SignatureOf({}));
  const SigningCredentials other_token = {kExample.access_key_id, kExample.secret_access_key,
                                          "another"};
  EXPECT_NE(Signature(head), Signature(SignAfresh({}, other_token)));
  EXPECT_THAT(SignAfresh({}), Not(HasSubstr("security-token")));
}

TEST(RequestSigner, NeverSendsTheSecret) { EXPECT_THAT(SignAfresh({}), Not(HasSubstr("wJalr"))); }

TEST(RequestSigner, SendsHeadersTrimmedAndInLowerCase) {
  const std::string head = SignAfresh(
      {"PUT", "/k", {{"X-Amz-Meta-B", "  two  words\t"}, {"Content-Type", "text/plain"}}});
  EXPECT_EQ(SignedHeaders(head), "content-type;host;x-amz-content-sha256;x-amz-date;x-amz-meta-b");
  EXPECT_THAT(head, HasSubstr("\r\ncontent-type: text/plain\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\nx-amz-meta-b: two  words\r\n"));
  EXPECT_EQ(
      Signature(head),
      SignatureOf({"PUT", "/k", {{"content-type", "text/plain"}, {"x-amz-meta-b", "two  words"}}}));
}

TEST(RequestSigner, SignsRunsOfBlanksAsOneSpace) {
  // botocore's, for the first of the values below.
  EXPECT_EQ(SignatureOf({"PUT", "/k", {{"x-amz-meta-a", "a b c"}}}),
            "3928a95304d68273317d00ff9b20ec194bd9864a908f3c0c12ba0860e26bb425");
  for (const char* value : {"a  b c", "a \t b    c", "\ta\tb\tc "})
    EXPECT_EQ(SignatureOf({"PUT", "/k", {{"x-amz-meta-a", value}}}),
              SignatureOf({"PUT", "/k", {{"x-amz-meta-a", "a b c"}}}))
        << value;
  EXPECT_NE(SignatureOf({"PUT", "/k", {{"x-amz-meta-a", "ab c"}}}),
            SignatureOf({"PUT", "/k", {{"x-amz-meta-a", "a b c"}}}));
}

TEST(RequestSigner, JoinsHeadersThatDifferInCaseOnly) {
  const std::string head =
      SignAfresh({"PUT", "/k", {{"x-amz-meta-A", "2"}, {"x-amz-meta-a", "1"}}});
  EXPECT_EQ(SignedHeaders(head), "host;x-amz-content-sha256;x-amz-date;x-amz-meta-a");
  EXPECT_THAT(head, HasSubstr("\r\nx-amz-meta-a: 1\r\nx-amz-meta-a: 2\r\n"));
  EXPECT_EQ(Signature(head), SignatureOf({"PUT", "/k", {{"x-amz-meta-a", "1,2"}}}));
}

TEST(RequestSigner, SignsEveryPartOfTheRequest) {
  const std::string signature = SignatureOf({"GET", "/k", {{"Range", "bytes=0-9"}}});
  EXPECT_EQ(signature.size(), 64u);
  EXPECT_NE(signature, SignatureOf({"PUT", "/k", {{"Range", "bytes=0-9"}}}));
  EXPECT_NE(signature, SignatureOf({"GET", "/l", {{"Range", "bytes=0-9"}}}));
  EXPECT_NE(signature, SignatureOf({"GET", "/k?x", {{"Range", "bytes=0-9"}}}));
  EXPECT_NE(signature, SignatureOf({"GET", "/k", {{"Range", "bytes=0-8"}}}));
  EXPECT_NE(signature, SignatureOf({"GET", "/k", {}}));
  EXPECT_NE(signature,
            Signature(SignAfresh({"GET", "/k", {{"Range", "bytes=0-9"}}}, kExample, kMay24 + 1)));
  RequestSigner elsewhere("eu-west-1");
  const std::string head = Sign(&elsewhere, {"GET", "/k", {{"Range", "bytes=0-9"}}});
  EXPECT_THAT(head, HasSubstr("/20130524/eu-west-1/s3/aws4_request,"));
  EXPECT_NE(signature, Signature(head));
}

TEST(RequestSigner, WritesTimesInUtc) {
  EXPECT_THAT(SignAfresh({}, kExample, kMay24 + kDay - 1),
              HasSubstr("\r\nx-amz-date: 20130524T235959Z\r\n"));
  EXPECT_THAT(SignAfresh({}, kExample, kMay24 + kDay),
              HasSubstr("x-amz-date: 20130525T000000Z\r\n"));
  EXPECT_THAT(SignAfresh({}, kExample, 1709210096), HasSubstr("x-amz-date: 20240229T123456Z\r\n"));
}

TEST(RequestSigner, MakesANewKeyWhenTheDayOrTheSecretChanges) {
  RequestSigner signer("us-east-1");
  const std::string first = Sign(&signer, {});
  EXPECT_EQ(Sign(&signer, {}), first);
  const std::string next_day = Sign(&signer, {}, kExample, kMay24 + kDay);
  EXPECT_NE(Signature(next_day), Signature(first));
  EXPECT_EQ(next_day, SignAfresh({}, kExample, kMay24 + kDay));
  EXPECT_EQ(Sign(&signer, {}), first);

  const SigningCredentials new_secret = {kExample.access_key_id, kOther.secret_access_key, ""};
  const std::string other = Sign(&signer, {}, new_secret);
  EXPECT_NE(Signature(other), Signature(first));
  EXPECT_EQ(other, SignAfresh({}, new_secret));
  EXPECT_EQ(Sign(&signer, {}), first);
  EXPECT_EQ(SignAfresh({}), first);
}

TEST(RequestSigner, SignsFromSeveralThreads) {
  constexpr int kRounds = 200;
  RequestSigner signer("us-east-1");
  const auto request = [](int round) {
    return Request{"GET", "/" + std::to_string(round), {{"Range", "bytes=0-9"}}};
  };
  const auto credentials = [](size_t thread) { return thread % 2 == 0 ? kExample : kOther; };
  std::array<std::vector<std::string>, 4> signatures;
  std::vector<std::thread> threads;
  for (size_t thread = 0; thread < signatures.size(); ++thread) {
    threads.emplace_back([&, thread] {
      for (int round = 0; round < kRounds; ++round)
        signatures[thread].push_back(
            Sign(&signer, request(round), credentials(thread), kMay24 + round % 3 * kDay));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t thread = 0; thread < signatures.size(); ++thread) {
    ASSERT_EQ(signatures[thread].size(), size_t{kRounds});
    for (int round = 0; round < kRounds; ++round)
      ASSERT_EQ(signatures[thread][round],
                SignAfresh(request(round), credentials(thread), kMay24 + round % 3 * kDay));
  }
}

// What a header must not do: end its line and begin another.
TEST(RequestSigner, KeepsAHeaderOnItsLine) {
  const Request request = {
      "PUT",
      "/k",
      {{"x-amz-meta-a", "1\r\nx-amz-acl: public-read"}, {"x\ny", std::string("\0", 1)}}};
  for (const std::string& head : {SignAfresh(request), UnsignedHead({request.method, request.target,
                                                                     "host", request.headers})}) {
    EXPECT_THAT(head, HasSubstr("\r\nx-amz-meta-a: 1  x-amz-acl: public-read\r\n"));
    EXPECT_THAT(head, Not(HasSubstr("\nx-amz-acl")));
    EXPECT_THAT(head, Not(HasSubstr("\ny")));
    EXPECT_EQ(head.find('\0'), std::string::npos);
  }
  EXPECT_EQ(SignatureOf({"PUT", "/k", {{"x-amz-meta-a", "\n1\r\n2\n"}}}),
            SignatureOf({"PUT", "/k", {{"x-amz-meta-a", "1 2"}}}));
}

TEST(UnsignedHead, HasNoAuthorization) {
  const Headers headers = {{"Range", " bytes=0-9 "}, {"If-Match", "\"x\""}};
  const std::string head = UnsignedHead({"GET", "/k?a&b=1", "b.s3.amazonaws.com", headers});
  EXPECT_EQ(head,
            "GET /k?a&b=1 HTTP/1.1\r\n"
            "Host: b.s3.amazonaws.com\r\n"
            "Range: bytes=0-9\r\n"
            "If-Match: \"x\"\r\n");
  EXPECT_THAT(SignAfresh({}), EndsWith("\r\n"));
}

}  // namespace
}  // namespace s3native
