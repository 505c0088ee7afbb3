// Properties of XmlReader: the input as a document, as text, and as the plan of a document.
#include <string>
#include <vector>

#include "fuzz.h"
#include "xml_reader.h"

namespace s3native::fuzz {
namespace {

// What a reader of a whole document sees.
struct Reading {
  std::string seen;       // names and texts, in order
  bool complete = false;  // the root element was read to its end
};

void ReadChildren(std::string_view document, XmlReader* reader, std::string* seen) {
  std::string_view name;
  while (reader->NextElement(&name)) {
    Require(!name.empty(), "elements have names");
    Require(name.data() >= document.data() &&
                name.data() + name.size() <= document.data() + document.size(),
            "names are views into the document");
    seen->append("<").append(name).append(">");
    // What is done with an element is up to the caller: let the name decide.
    if (name == "Key") {
      const std::string_view text = reader->RawText();
      Require(text.empty() || (text.data() >= document.data() &&
                               text.data() + text.size() <= document.data() + document.size()),
              "raw texts are views into the document");
      seen->append(text);
    } else if (name.size() % 3 == 0) {
      seen->append(reader->Text());
    } else if (name == "Owner") {
      reader->Skip();
    } else {
      ReadChildren(document, reader, seen);
    }
    seen->append(";");
  }
}

Reading Read(std::string_view document) {
  Reading reading;
  XmlReader reader(document);
  std::string_view root;
  if (!reader.NextElement(&root)) return reading;
  reading.seen.append(root).append(":");
  ReadChildren(document, &reader, &reading.seen);
  reading.complete = reader.ok();
  return reading;
}

void CheckDocument(std::string_view document) {
  const Reading whole = Read(document);
  const Reading start = Read(document.substr(0, Cut(document)));
  if (!start.complete) return;
  Require(whole.complete && whole.seen == start.seen,
          "what says it is complete is what a longer document says");
}

void CheckText(std::string_view text) {
  const std::string escaped = XmlEscape(text);
  Require(XmlUnescape(escaped) == text, "escaped and unescaped is the same");
  Require(IsUtf8(XmlUnescape(text)) || !IsUtf8(text), "entities stand for UTF-8");
  Require(XmlUnescape(text).size() <= text.size(), "entities cannot expand");
  const std::string document = "<Root><A>" + escaped + "</A><B/></Root>";
  XmlReader reader(document);
  std::string_view name;
  Require(reader.NextElement(&name) && name == "Root", "the root is found");
  Require(reader.NextElement(&name) && name == "A", "the child is found");
  Require(reader.Text() == text, "escaped text reads back");
  Require(reader.NextElement(&name) && name == "B" && reader.Text().empty(), "<B/> is empty");
  Require(!reader.NextElement(&name) && reader.ok(), "the document ends well");
}

// Elements as the text's bytes say: opened, closed, filled.
std::string Plan(std::string_view text, std::string* expected) {
  std::string document = "<?xml version=\"1.0\"?>\n<R>";
  std::vector<std::string> open = {"R"};
  *expected = "R:";
  for (const char c : text) {
    if (c >= 'a' && c <= 'y' && open.size() < 20) {  // sizes that ReadChildren descends into
      open.push_back(std::string(c % 2 == 0 ? 1 : 4, c));
      document += "<" + open.back() + (c % 3 == 0 ? " a='1'>" : ">");
      *expected += "<" + open.back() + ">";
    } else if (c == '/' && open.size() > 1) {
      document += "</" + open.back() + ">";
      *expected += ";";
      open.pop_back();
    } else if (c == 'z') {
      document += "<!-- <z> --><zz/><Key>&amp;%26</Key><Tag>&lt;&#x26;</Tag>";
      *expected += "<zz>;<Key>&amp;%26;<Tag><&;";
    } else {
      document += XmlEscape(std::string_view(&c, 1));
    }
  }
  for (; !open.empty(); open.pop_back()) {
    document += "</" + open.back() + ">";
    if (open.size() > 1) *expected += ";";
  }
  return document;
}

void CheckPlan(std::string_view text) {
  std::string expected;
  const std::string document = Plan(text, &expected);
  const Reading whole = Read(document);
  Require(whole.complete && whole.seen == expected, "a document reads as it was written");
  const Reading cut = Read(std::string_view(document).substr(0, Cut(text) % document.size()));
  Require(!cut.complete, "a truncated document is not complete");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = View(data, size);
  CheckDocument(text);
  CheckText(text);
  CheckPlan(text);
  return 0;
}

}  // namespace s3native::fuzz
