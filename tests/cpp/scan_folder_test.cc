#include "s3native/scan_folder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace s3native {
namespace {

using Kind = FolderEntry::Kind;

class ScanFolderTest : public testing::Test {
 protected:
  ScanFolderTest() {
    std::string pattern = testing::TempDir() + "/scan_folder_XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~ScanFolderTest() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
  }
  std::vector<FolderEntry> Scan() {
    std::vector<FolderEntry> entries;
    EXPECT_EQ(ScanFolder(folder_, &entries), 0);
    return entries;
  }

  std::filesystem::path folder_;
};

TEST_F(ScanFolderTest, OrdersAsKeysWillBe) {
  std::filesystem::create_directory(folder_ / "a");
  for (const char* name : {"a!", "a0", "B"}) Write(name, "");
  std::vector<std::string> names;
  for (const FolderEntry& entry : Scan()) names.push_back(entry.name);
  EXPECT_EQ(names, (std::vector<std::string>{"B", "a!", "a/", "a0"}));
}

TEST_F(ScanFolderTest, TellsSizesAndTimesOfFiles) {
  Write("file", "12345");
  const timespec times[2] = {{1, 0}, {1234567890, 5}};
  ASSERT_EQ(utimensat(AT_FDCWD, (folder_ / "file").c_str(), times, 0), 0);
  const std::vector<FolderEntry> entries = Scan();
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].kind, Kind::kFile);
  EXPECT_EQ(entries[0].size, 5u);
  EXPECT_EQ(entries[0].mtime_ns, 1234567890'000000005);
}

TEST_F(ScanFolderTest, LooksBehindLinks) {
  Write("file", "123");
  std::filesystem::create_directory(folder_ / "folder");
  std::filesystem::create_symlink("file", folder_ / "to_file");
  std::filesystem::create_symlink("folder", folder_ / "to_folder");
  std::filesystem::create_symlink("nothing", folder_ / "to_nothing");
  const std::vector<FolderEntry> entries = Scan();
  ASSERT_EQ(entries.size(), 5u);
  EXPECT_EQ(entries[1].name, "folder/");
  EXPECT_FALSE(entries[1].is_link);
  EXPECT_EQ(entries[2].kind, Kind::kFile);
  EXPECT_EQ(entries[2].size, 3u);
  EXPECT_TRUE(entries[2].is_link);
  EXPECT_EQ(entries[3].name, "to_folder/");
  EXPECT_TRUE(entries[3].is_link);
  EXPECT_EQ(entries[4].error, ENOENT);
}

TEST_F(ScanFolderTest, TellsWhatIsNoFile) {
  ASSERT_EQ(mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(Scan().at(0).kind, Kind::kOther);
  EXPECT_EQ(Scan().at(0).error, 0);
}

TEST_F(ScanFolderTest, SaysWhyItCannot) {
  std::vector<FolderEntry> entries;
  EXPECT_EQ(ScanFolder(folder_ / "missing", &entries), ENOENT);
  Write("file", "");
  EXPECT_EQ(ScanFolder(folder_ / "file", &entries), ENOTDIR);
}

}  // namespace
}  // namespace s3native
