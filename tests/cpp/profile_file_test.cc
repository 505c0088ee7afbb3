#include "profile_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace s3native {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

ProfileFile Parse(const std::string& text) {
  Result<ProfileFile> file = ParseProfileFile(text, "/home/u/.aws/config");
  EXPECT_TRUE(file.ok()) << file.error().message;
  return file.ok() ? std::move(file).value() : ProfileFile();
}

std::string ErrorOf(const std::string& text) {
  const Result<ProfileFile> file = ParseProfileFile(text, "/home/u/.aws/config");
  if (file.ok()) return "accepted";
  EXPECT_EQ(file.error().code, ErrorCode::kInvalidArgument);
  return file.error().message;
}

TEST(ParseProfileFile, ReadsSectionsAndProperties) {
  const ProfileFile file =
      Parse("[default]\nregion = eu-west-1\n\n[profile dev]\nregion=us-west-2\noutput = json\n");
  EXPECT_EQ(file.sections.size(), 2u);
  EXPECT_EQ(file.sections.at("default").properties.at("region"), "eu-west-1");
  EXPECT_THAT(file.sections.at("profile dev").properties,
              ElementsAre(Pair("output", "json"), Pair("region", "us-west-2")));
}

TEST(ParseProfileFile, TakesEmptyTextAndMissingFinalNewline) {
  EXPECT_TRUE(Parse("").sections.empty());
  EXPECT_TRUE(Parse("\n\n  \n").sections.empty());
  EXPECT_EQ(Parse("[a]\nb = c").sections.at("a").properties.at("b"), "c");
}

TEST(ParseProfileFile, TakesWindowsLineEndsAndByteOrderMark) {
  const ProfileFile file = Parse(
      "\xef\xbb\xbf[default]\r\nregion = eu-west-1\r\n\r\ns3 =\r\n  addressing_style = path\r\n");
  EXPECT_EQ(file.sections.at("default").properties.at("region"), "eu-west-1");
  EXPECT_EQ(file.sections.at("default").nested.at("s3").at("addressing_style"), "path");
}

TEST(ParseProfileFile, DropsComments) {
  const ProfileFile file = Parse(
      "# one\n; two\n  # three\n[default] ; four\nregion = eu-west-1 # five\nkeep = a#b;c\nempty = "
      "# six\n");
  const auto& properties = file.sections.at("default").properties;
  EXPECT_EQ(properties.at("region"), "eu-west-1");
  EXPECT_EQ(properties.at("keep"), "a#b;c");
  EXPECT_EQ(properties.at("empty"), "");
}

TEST(ParseProfileFile, KeepsEqualsSignsAndInnerBlanksOfValues) {
  const auto properties =
      Parse("[a]\nsecret = ab=/+c==\ncredential_process = /bin/tool --x \"y z\"\n")
          .sections.at("a")
          .properties;
  EXPECT_EQ(properties.at("secret"), "ab=/+c==");
  EXPECT_EQ(properties.at("credential_process"), "/bin/tool --x \"y z\"");
}

TEST(ParseProfileFile, ReadsNestedProperties) {
  const ProfileFile file = Parse(
      "[profile dev]\ns3 =\n  addressing_style = path\n  Max_Concurrent = 3\nregion = x\n"
      "[services local]\ns3 =\n\tendpoint_url = http://h:1\n\ndynamodb =\n  endpoint_url = "
      "http://h:2\n");
  const auto& dev = file.sections.at("profile dev");
  EXPECT_EQ(dev.nested.at("s3").at("addressing_style"), "path");
  EXPECT_EQ(dev.nested.at("s3").at("max_concurrent"), "3");
  EXPECT_EQ(dev.properties.at("region"), "x");
  EXPECT_EQ(file.sections.at("services local").nested.at("s3").at("endpoint_url"), "http://h:1");
  EXPECT_EQ(file.sections.at("services local").nested.at("dynamodb").at("endpoint_url"),
            "http://h:2");
}

TEST(ParseProfileFile, JoinsContinuationLines) {
  EXPECT_EQ(Parse("[a]\nb = one\n  two\n\tthree = 3\nc = d\n").sections.at("a").properties.at("b"),
            "one\ntwo\nthree = 3");
}

TEST(ParseProfileFile, TakesFilesThatIndentEverything) {
  const ProfileFile file = Parse(
      "[default]\n  region = eu-west-1\n  s3 =\n    addressing_style = path\n  output = json\n");
  const auto& section = file.sections.at("default");
  EXPECT_EQ(section.properties.at("region"), "eu-west-1");
  EXPECT_EQ(section.properties.at("output"), "json");
  EXPECT_EQ(section.nested.at("s3").at("addressing_style"), "path");
}

TEST(ParseProfileFile, SqueezesAndUnquotesSectionNames) {
  const ProfileFile file =
      Parse("[ profile \t dev ]\n[profile 'my dev']\n[profile \"two words\"]\n");
  EXPECT_TRUE(file.sections.contains("profile dev"));
  EXPECT_TRUE(file.sections.contains("profile my dev"));
  EXPECT_TRUE(file.sections.contains("profile two words"));
}

TEST(ParseProfileFile, MergesWhatOccursTwice) {
  const auto properties = Parse("[a]\nx = 1\ny = 1\n[b]\n[a]\nX = 2\n").sections.at("a").properties;
  EXPECT_THAT(properties, ElementsAre(Pair("x", "2"), Pair("y", "1")));
}

TEST(ParseProfileFile, APlainValueReplacesANestedOne) {
  const auto section = Parse("[a]\ns3 =\n  x = 1\ns3 = plain\n").sections.at("a");
  EXPECT_FALSE(section.nested.contains("s3"));
  EXPECT_EQ(section.properties.at("s3"), "plain");
}

TEST(ParseProfileFile, RefusesBrokenSyntaxNamingFileAndLine) {
  EXPECT_EQ(ErrorOf("[default\n"), "/home/u/.aws/config, line 1: the section's ']' is missing");
  EXPECT_EQ(ErrorOf("\n[]\n"), "/home/u/.aws/config, line 2: the section has no name");
  EXPECT_EQ(ErrorOf("[a] b\n"), "/home/u/.aws/config, line 1: text follows the section's ']'");
  EXPECT_EQ(ErrorOf("# c\nregion = x\n"),
            "/home/u/.aws/config, line 2: a property stands before the first section");
  EXPECT_EQ(ErrorOf("[a]\nb = c\n= d\n"), "/home/u/.aws/config, line 3: the property has no name");
  EXPECT_EQ(ErrorOf("[a]\ns3 =\n  nonsense\n"),
            "/home/u/.aws/config, line 3: expected NAME = VALUE");
}

TEST(ParseProfileFile, QuotesNoSecrets) {
  const std::string message = ErrorOf("[default]\naws_secret_access_key hunter2\n");
  EXPECT_EQ(message, "/home/u/.aws/config, line 2: expected NAME = VALUE");
  EXPECT_THAT(message, Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace s3native
