#include "crt/record_cipher.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace s3native::crt {
namespace {

std::string FromHex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return bytes;
}

const uint8_t* Bytes(const std::string& text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

std::string Seal(RecordCipher& cipher, RecordType type, const std::string& content) {
  std::string record(content.size() + kRecordOverhead, '\0');
  record.resize(
      cipher.Seal(type, Bytes(content), content.size(), reinterpret_cast<uint8_t*>(record.data())));
  return record;
}

struct Opened {
  RecordType type;
  std::string content;
};

std::optional<Opened> Open(RecordCipher& cipher, const std::string& record) {
  std::vector<uint8_t> content(record.size());
  const auto opened = cipher.Open(Bytes(record), record.size(), content.data());
  if (!opened) return std::nullopt;
  return Opened{opened->type, {reinterpret_cast<char*>(content.data()), opened->size}};
}

// RFC 8448, section 3: the client's application data.
constexpr char kSecret[] = "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5";
constexpr char kRecord[] =
    "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e"
    "2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4";

std::string KnownContent() {
  std::string content;
  for (char i = 0; i < 50; ++i) content += i;
  return content;
}

TEST(RecordCipher, SealsTheKnownRecord) {
  RecordCipher cipher(FromHex(kSecret));
  EXPECT_EQ(Seal(cipher, RecordType::kApplicationData, KnownContent()), FromHex(kRecord));
  EXPECT_EQ(cipher.sequence(), 1u);
}

TEST(RecordCipher, OpensTheKnownRecord) {
  RecordCipher cipher(FromHex(kSecret));
  const auto opened = Open(cipher, FromHex(kRecord));
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->type, RecordType::kApplicationData);
  EXPECT_EQ(opened->content, KnownContent());
}

class RecordCipherOfSuite : public testing::TestWithParam<size_t> {
 protected:
  std::string secret() const { return std::string(GetParam(), 's'); }
};
INSTANTIATE_TEST_SUITE_P(Suites, RecordCipherOfSuite, testing::Values(32, 48),
                         [](const auto& suite) {
                           return suite.param == 32 ? "Aes128GcmSha256" : "Aes256GcmSha384";
                         });

TEST_P(RecordCipherOfSuite, OpensWhatItSealed) {
  RecordCipher sender(secret(), 7);
  RecordCipher receiver(secret(), 7);
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{15}, size_t{16}, size_t{17}, size_t{255}, kMaxRecordContent}) {
    const std::string content(size, 'c');
    const auto opened = Open(receiver, Seal(sender, RecordType::kApplicationData, content));
    ASSERT_TRUE(opened) << size;
    EXPECT_EQ(opened->content, content);
  }
}

TEST_P(RecordCipherOfSuite, OpensInPlace) {
  RecordCipher sender(secret());
  RecordCipher receiver(secret());
  const std::string content(1000, 'c');
  std::string record = Seal(sender, RecordType::kApplicationData, content);
  auto* bytes = reinterpret_cast<uint8_t*>(record.data());
  const auto opened = receiver.Open(bytes, record.size(), bytes + kRecordHeaderSize);
  ASSERT_TRUE(opened);
  EXPECT_EQ(record.substr(kRecordHeaderSize, opened->size), content);
}

TEST_P(RecordCipherOfSuite, RefusesAnyChangedByte) {
  RecordCipher sender(secret());
  const std::string record = Seal(sender, RecordType::kApplicationData, "content");
  for (size_t i = 0; i < record.size(); ++i) {
    RecordCipher receiver(secret());
    std::string changed = record;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(Open(receiver, changed)) << i;
  }
}

TEST_P(RecordCipherOfSuite, RefusesRecordsRepeatedSwappedOrShort) {
  RecordCipher sender(secret());
  RecordCipher receiver(secret());
  const std::string first = Seal(sender, RecordType::kApplicationData, "first");
  const std::string second = Seal(sender, RecordType::kApplicationData, "second");
  EXPECT_FALSE(Open(receiver, second));
  EXPECT_TRUE(Open(receiver, second)) << "the next sequence number";
  EXPECT_FALSE(Open(receiver, second));
  EXPECT_FALSE(Open(receiver, first));
  for (size_t size = 0; size < first.size(); ++size) {
    RecordCipher fresh(secret());
    EXPECT_FALSE(Open(fresh, first.substr(0, size))) << size;
  }
}

TEST_P(RecordCipherOfSuite, TellsTheTypeBehindPadding) {
  RecordCipher sender(secret());
  RecordCipher receiver(secret());
  // The inner type's byte is the first that is not zero from behind: a padded record is one whose
  // content ends in the true type and whose own type is zero.
  const std::string padded = std::string("content") + '\x16' + std::string(40, '\0');
  const auto opened = Open(receiver, Seal(sender, static_cast<RecordType>(0), padded));
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->type, RecordType::kHandshake);
  EXPECT_EQ(opened->content, "content");
}

TEST_P(RecordCipherOfSuite, GivesTypeZeroToPaddingAlone) {
  RecordCipher sender(secret());
  RecordCipher receiver(secret());
  const auto opened =
      Open(receiver, Seal(sender, static_cast<RecordType>(0), std::string(9, '\0')));
  ASSERT_TRUE(opened);
  EXPECT_EQ(static_cast<int>(opened->type), 0);
  EXPECT_EQ(opened->content, "");
}

TEST_P(RecordCipherOfSuite, BothSidesUpdateTheirKeys) {
  RecordCipher sender(secret(), 3);
  RecordCipher receiver(secret(), 3);
  const std::string before = Seal(sender, RecordType::kApplicationData, "content");
  ASSERT_TRUE(Open(receiver, before));
  for (int generation = 0; generation < 3; ++generation) {
    sender.Update();
    receiver.Update();
    EXPECT_EQ(sender.sequence(), 0u);
    const std::string after = Seal(sender, RecordType::kApplicationData, "content");
    EXPECT_NE(after, before);
    const auto opened = Open(receiver, after);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->content, "content");
  }
}

}  // namespace
}  // namespace s3native::crt
