#include "xml_reader.h"

#include <gtest/gtest.h>

#include <string>

namespace s3native {
namespace {

TEST(XmlReader, WalksElementsAndTexts) {
  XmlReader reader(
      "<?xml version=\"1.0\"?>\n<List a='1'><Key>a &amp; b</Key><Empty/>"
      "<Owner><ID>1</ID></Owner><Size>7</Size></List>");
  std::string_view name;
  ASSERT_TRUE(reader.NextElement(&name));
  EXPECT_EQ(name, "List");
  ASSERT_TRUE(reader.NextElement(&name));
  EXPECT_EQ(reader.Text(), "a & b");
  ASSERT_TRUE(reader.NextElement(&name));
  EXPECT_EQ(name, "Empty");
  EXPECT_EQ(reader.Text(), "");
  ASSERT_TRUE(reader.NextElement(&name));
  reader.Skip();
  ASSERT_TRUE(reader.NextElement(&name));
  EXPECT_EQ(reader.RawText(), "7");
  EXPECT_FALSE(reader.NextElement(&name));
  EXPECT_TRUE(reader.ok());
}

TEST(XmlReader, TellsATruncatedDocument) {
  const std::string document = "<List><Key>k</Key></List>";
  for (size_t size = 0; size < document.size(); ++size) {
    const std::string cut = document.substr(0, size);
    XmlReader reader(cut);
    std::string_view name;
    if (!reader.NextElement(&name)) continue;
    while (reader.NextElement(&name)) reader.Skip();
    EXPECT_FALSE(reader.ok()) << cut;
  }
}

TEST(XmlReader, RefusesDtds) {
  XmlReader reader("<!DOCTYPE x [<!ENTITY a \"aaaa\">]><x>&a;</x>");
  std::string_view name;
  EXPECT_FALSE(reader.NextElement(&name));
  EXPECT_FALSE(reader.ok());
}

TEST(XmlUnescape, DecodesEntitiesAndLeavesTheRest) {
  EXPECT_EQ(XmlUnescape("&lt;&gt;&amp;&quot;&apos;&#65;&#x1F600;"), "<>&\"'A\U0001F600");
  EXPECT_EQ(XmlUnescape("&nbsp; & &"), "&nbsp; & &");
  EXPECT_EQ(XmlUnescape("&#xD800;&#x110000;&#;"), "&#xD800;&#x110000;&#;") << "no characters";
}

TEST(XmlUnescape, TakesTimeInProportionToTheText) {
  const std::string ampersands(4 << 20, '&');  // quadratic time would be minutes
  EXPECT_EQ(XmlUnescape(ampersands), ampersands);
}

}  // namespace
}  // namespace s3native
