// A pull reader for the XML that S3 servers send: elements and text. Attributes, comments,
// processing instructions and CDATA are skipped or passed through; DTDs are refused, so entities
// cannot expand. Thread-safety: one reader, one thread. Ownership: the document must outlive the
// reader; names are views into it.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace s3native {

class XmlReader {
 public:
  explicit XmlReader(std::string_view document) : document_(document) {}

  // Moves to the next child element of the element entered last, and enters it. False at that
  // element's end (which is consumed: the reader is in the parent then) and on malformed input.
  bool NextElement(std::string_view* name);
  // The text of the element entered last, entities decoded, nested elements skipped; leaves the
  // element.
  std::string Text();
  // As Text, without decoding: a view into the document. For numbers, dates and percent-encoded
  // keys.
  std::string_view RawText();
  // Leaves the element entered last without reading it.
  void Skip();
  // False as soon as something was not well-formed or the document ended early.
  bool ok() const { return ok_; }

 private:
  bool Fail();
  bool SkipMarkup();  // comment, declaration, CDATA; position_ is at '<'
  bool Open(std::string_view* name);
  bool Close();

  std::string_view document_;
  size_t position_ = 0;
  std::vector<std::string_view> open_;
  bool self_closed_ = false;  // the element entered last was <name/>
  bool ok_ = true;
};

// Text with the five predefined entities and character references decoded.
std::string XmlUnescape(std::string_view text);
// Text fit for element content.
std::string XmlEscape(std::string_view text);

}  // namespace s3native
