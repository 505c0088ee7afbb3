#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <set>
#include <thread>
#include <vector>

#include "s3native/memory.h"

namespace s3native {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kMiB = 1u << 20;

std::shared_ptr<SlabPool> MakePool(uint64_t limit) { return std::make_shared<SlabPool>(limit); }

TEST(SlabPoolSizeClass, IsAtMostAnEighthOrOnePageAbove) {
  for (size_t size = 1; size < 64 * kMiB; size += 1 + size / 7) {
    const size_t capacity = SlabPool::SizeClass(size);
    ASSERT_GE(capacity, size);
    ASSERT_EQ(capacity % kPage, 0u);
    ASSERT_TRUE(capacity - size < kPage || capacity - size <= size / 8) << size;
    ASSERT_EQ(SlabPool::SizeClass(capacity), capacity) << size;
  }
}

TEST(SlabPoolSizeClass, KeepsPowersOfTwoAndIsMonotonic) {
  size_t previous = 0;
  for (size_t size = kPage; size <= (1ull << 40); size *= 2)
    EXPECT_EQ(SlabPool::SizeClass(size), size);
  for (size_t size = 1; size < 3 * kMiB; size += 511) {
    EXPECT_GE(SlabPool::SizeClass(size), previous);
    previous = SlabPool::SizeClass(size);
  }
  EXPECT_EQ(SlabPool::SizeClass(0), kPage);
  EXPECT_EQ(SlabPool::SizeClass(8 * kMiB + 1), 9 * kMiB);
}

TEST(SlabPoolSizeClass, AreFew) {
  std::set<size_t> classes;
  for (size_t size = 1; size < 1024 * kMiB; size += 1 + size / 100)
    classes.insert(SlabPool::SizeClass(size));
  EXPECT_LT(classes.size(), 160u);
}

TEST(SlabPool, AlignsToPagesAndHugePages) {
  const auto pool = MakePool(0);
  for (size_t size : {size_t{1}, kPage, 100 * kPage, 2 * kMiB - 1, 2 * kMiB, 5 * kMiB + 1}) {
    const SlabPtr slab = pool->Allocate(size);
    EXPECT_GE(slab->capacity(), size);
    const size_t alignment = slab->capacity() >= 2 * kMiB ? 2 * kMiB : kPage;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(slab->data()) % alignment, 0u) << size;
    std::memset(slab->data(), 0xab, slab->capacity());
  }
}

TEST(SlabPool, ReusesReturnedSlabsOfTheSameClass) {
  const auto pool = MakePool(64 * kMiB);
  SlabPtr first = pool->Allocate(kMiB);
  std::byte* data = first->data();
  EXPECT_EQ(pool->stats().in_use_bytes, kMiB);
  EXPECT_EQ(pool->stats().misses, 1u);
  first.reset();
  EXPECT_EQ(pool->stats().in_use_bytes, 0u);
  EXPECT_EQ(pool->stats().idle_bytes, kMiB);
  const SlabPtr second = pool->Allocate(kMiB - 5);
  EXPECT_EQ(second->data(), data);
  EXPECT_EQ(pool->stats().hits, 1u);
  EXPECT_EQ(pool->stats().idle_bytes, 0u);
  const SlabPtr third = pool->Allocate(kMiB);
  EXPECT_NE(third->data(), data);
}

TEST(SlabPool, ReturnsOnlyWhenTheLastReferenceDies) {
  const auto pool = MakePool(64 * kMiB);
  SlabPtr slab = pool->Allocate(kPage);
  SlabPtr view = slab;
  slab.reset();
  EXPECT_EQ(pool->stats().in_use_bytes, kPage);
  view.reset();
  EXPECT_EQ(pool->stats().in_use_bytes, 0u);
}

TEST(SlabPool, HandsOutTheWarmestSlabFirst) {
  const auto pool = MakePool(64 * kMiB);
  SlabPtr a = pool->Allocate(kPage), b = pool->Allocate(kPage);
  std::byte* last = a->data();
  b.reset();
  a.reset();
  EXPECT_EQ(pool->Allocate(kPage)->data(), last);
}

TEST(SlabPool, KeepsNoMoreIdleThanItsLimit) {
  const auto pool = MakePool(3 * kMiB);
  std::vector<SlabPtr> slabs;
  for (int i = 0; i < 10; ++i) slabs.push_back(pool->Allocate(kMiB));
  slabs.clear();
  EXPECT_EQ(pool->stats().idle_bytes, 3 * kMiB);
  EXPECT_EQ(pool->stats().in_use_bytes, 0u);
  pool->Allocate(4 * kMiB).reset();  // larger than the limit: not kept
  EXPECT_LE(pool->stats().idle_bytes, 3 * kMiB);
}

TEST(SlabPool, IdleMemoryGivesWayToWhatIsInUse) {
  const auto pool = MakePool(16 * kMiB);
  std::vector<SlabPtr> slabs;
  for (int i = 0; i < 16; ++i) slabs.push_back(pool->Allocate(kMiB));
  slabs.clear();
  EXPECT_EQ(pool->stats().idle_bytes, 16 * kMiB);
  const SlabPtr large = pool->Allocate(8 * kMiB);
  EXPECT_EQ(pool->stats().idle_bytes, 8 * kMiB);
  const SlabPtr larger = pool->Allocate(32 * kMiB);
  EXPECT_EQ(pool->stats().idle_bytes, kMiB);  // a sixteenth stays
}

TEST(SlabPool, OtherClassesGiveWayToTheOneInUse) {
  const auto pool = MakePool(4 * kMiB);
  std::vector<SlabPtr> old;
  for (int i = 0; i < 4; ++i) old.push_back(pool->Allocate(kMiB));
  old.clear();
  EXPECT_EQ(pool->stats().idle_bytes, 4 * kMiB);
  pool->Allocate(2 * kMiB).reset();
  EXPECT_EQ(pool->stats().idle_bytes, 4 * kMiB);
  const uint64_t hits = pool->stats().hits;
  pool->Allocate(2 * kMiB).reset();
  EXPECT_EQ(pool->stats().hits, hits + 1);
}

TEST(SlabPool, WithALimitOfZeroKeepsNothing) {
  const auto pool = MakePool(0);
  pool->Allocate(kPage).reset();
  EXPECT_EQ(pool->stats().idle_bytes, 0u);
  pool->Allocate(kPage).reset();
  EXPECT_EQ(pool->stats().misses, 2u);
}

TEST(SlabPool, TrimsDownToWhatIsAsked) {
  const auto pool = MakePool(64 * kMiB);
  {
    const SlabPtr a = pool->Allocate(kMiB), b = pool->Allocate(kMiB), c = pool->Allocate(kPage);
  }
  pool->Trim(kMiB + kPage);
  EXPECT_LE(pool->stats().idle_bytes, kMiB + kPage);
  EXPECT_GT(pool->stats().idle_bytes, 0u);
  pool->Trim(0);
  EXPECT_EQ(pool->stats().idle_bytes, 0u);
  pool->Trim(0);
}

TEST(SlabPool, LoweringTheLimitUnmapsAtOnce) {
  const auto pool = MakePool(64 * kMiB);
  {
    const SlabPtr a = pool->Allocate(kMiB), b = pool->Allocate(kMiB);
  }
  pool->set_limit(kMiB);
  EXPECT_EQ(pool->stats().idle_bytes, kMiB);
  pool->set_limit(0);
  EXPECT_EQ(pool->stats().idle_bytes, 0u);
}

TEST(SlabPool, SlabsKeepThePoolAlive) {
  auto pool = MakePool(64 * kMiB);
  const std::weak_ptr<SlabPool> watch = pool;
  SlabPtr slab = pool->Allocate(kMiB);
  pool.reset();
  EXPECT_FALSE(watch.expired());
  std::memset(slab->data(), 1, slab->capacity());
  slab.reset();
  EXPECT_TRUE(watch.expired());
}

TEST(SlabPool, ThrowsWhenTheKernelRefuses) {
  const auto pool = MakePool(64 * kMiB);
  pool->Allocate(kMiB).reset();
  EXPECT_THROW(pool->Allocate(size_t{1} << 60), std::bad_alloc);
  EXPECT_THROW(pool->Allocate(std::numeric_limits<size_t>::max()), std::bad_alloc);
  EXPECT_EQ(pool->stats().in_use_bytes, 0u);
  EXPECT_TRUE(pool->Allocate(kMiB));
}

TEST(SlabPool, ServesManyThreads) {
  const auto pool = MakePool(8 * kMiB);
  const auto work = [&pool](unsigned seed) {
    for (unsigned i = 0; i < 500; ++i) {
      const size_t size = 1 + (seed * 7919 + i * 104729) % (kMiB / 2);
      const SlabPtr slab = pool->Allocate(size);
      const auto mark = static_cast<std::byte>(seed);
      slab->data()[0] = slab->data()[size - 1] = mark;
      std::this_thread::yield();
      ASSERT_EQ(slab->data()[0], mark);
      ASSERT_EQ(slab->data()[size - 1], mark);
    }
  };
  std::vector<std::thread> threads;
  for (unsigned seed = 1; seed <= 4; ++seed) threads.emplace_back(work, seed);
  for (std::thread& thread : threads) thread.join();
  const SlabPoolStats stats = pool->stats();
  EXPECT_EQ(stats.in_use_bytes, 0u);
  EXPECT_LE(stats.idle_bytes, 8 * kMiB);
  EXPECT_EQ(stats.hits + stats.misses, 2000u);
}

}  // namespace
}  // namespace s3native
