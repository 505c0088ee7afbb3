// One suite of tests for every ObjectStore. A store's test file registers it once, at namespace
// scope:
//   const bool kRegistered = RegisterStoreConformance({"MemoryStore", MakeStore, "bucket"});
// and the tests appear as StoreConformance/MemoryStore.<test>, also for --gtest_filter.
// Thread-safety: none; called before main. Ownership: keeps a copy of what it is given until exit.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "s3native/object_store.h"
#include "support/store_driver.h"

namespace s3native {

struct StoreUnderTest {
  std::string name;
  // Called for each test; may return the same store again. Null: the store cannot run here, the
  // tests are skipped.
  std::function<std::shared_ptr<ObjectStore>()> make;
  // Created when missing. Tests write below random prefixes and clean up behind them.
  std::string bucket;
  // Tests of this store not to run, by name: what a server is known not to do.
  std::vector<std::string> skipped = {};
};

bool RegisterStoreConformance(const StoreUnderTest& store);

// The suite's parts, each in a file of its own; a test is a function that drives a store.
struct ConformanceTest {
  const char* name;
  void (*run)(StoreDriver& s3);
};
std::vector<ConformanceTest> ReadConformanceTests();
std::vector<ConformanceTest> WriteConformanceTests();
std::vector<ConformanceTest> UploadConformanceTests();
std::vector<ConformanceTest> ListingConformanceTests();

// `size` bytes that differ from place to place, so that misplaced ones are noticed.
std::string PatternBytes(size_t size);

}  // namespace s3native
