#include "page_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <map>
#include <memory>

#include "s3native/memory.h"

namespace {

constexpr int kCudaErrorInvalidValue = 1;
constexpr int kCudaErrorNoDevice = 100;

// The CUDA runtime of this process, which is none: it remembers what is registered.
struct FakeCuda {
  std::map<void*, size_t> registered;
  unsigned flags = 0;
  int failure = 0;  // of the next calls
  int last_error = 0;
};

FakeCuda& Cuda() {
  static FakeCuda cuda;
  return cuda;
}

}  // namespace

extern "C" {

__attribute__((visibility("default"))) int cudaHostRegister(void* data, size_t size,
                                                            unsigned flags) {
  if (Cuda().failure != 0) return Cuda().last_error = Cuda().failure;
  Cuda().flags = flags;
  Cuda().registered[data] = size;
  return 0;
}

__attribute__((visibility("default"))) int cudaHostUnregister(void* data) {
  return Cuda().registered.erase(data) == 1 ? 0 : Cuda().last_error = kCudaErrorInvalidValue;
}

__attribute__((visibility("default"))) int cudaGetLastError() {
  return std::exchange(Cuda().last_error, 0);
}
}

namespace s3native {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr size_t kMiB = 1u << 20;

class PageLockTest : public ::testing::Test {
 protected:
  PageLockTest() { Cuda() = {}; }

  const std::shared_ptr<SlabPool> pool_ = std::make_shared<SlabPool>(64 * kMiB);
};

// Locks no page while it lives, unless the process may do anything.
class NoLockedMemory {
 public:
  NoLockedMemory() {
    getrlimit(RLIMIT_MEMLOCK, &before_);
    const rlimit none{0, before_.rlim_max};
    setrlimit(RLIMIT_MEMLOCK, &none);
  }
  ~NoLockedMemory() { setrlimit(RLIMIT_MEMLOCK, &before_); }
  NoLockedMemory(const NoLockedMemory&) = delete;
  NoLockedMemory& operator=(const NoLockedMemory&) = delete;

 private:
  rlimit before_{};
};

TEST_F(PageLockTest, NothingIsLockedUnlessAsked) {
  EXPECT_FALSE(pool_->Allocate(kMiB)->page_locked());
  EXPECT_EQ(pool_->stats().locked_bytes, 0u);
  EXPECT_FALSE(LockPages(PageLocking::kNone, nullptr, 0));
}

TEST_F(PageLockTest, LocksWithTheKernel) {
  pool_->set_page_locking(PageLocking::kMlock);
  const SlabPtr slab = pool_->Allocate(4096);
  if (!slab->page_locked()) GTEST_SKIP() << "this process may not lock 4 KiB (RLIMIT_MEMLOCK)";
  EXPECT_EQ(pool_->stats().locked_bytes, 4096u);
}

TEST_F(PageLockTest, WhatTheKernelRefusesIsUsedUnlocked) {
  const NoLockedMemory limited;
  pool_->set_page_locking(PageLocking::kMlock);
  const SlabPtr slab = pool_->Allocate(kMiB);
  slab->data()[0] = std::byte{1};
  EXPECT_EQ(pool_->stats().locked_bytes, slab->page_locked() ? kMiB : 0u);
}

TEST_F(PageLockTest, RegistersWithCudaForAllContextsOnce) {
  pool_->set_page_locking(PageLocking::kCuda);
  SlabPtr slab = pool_->Allocate(kMiB);
  std::byte* const data = slab->data();
  EXPECT_TRUE(slab->page_locked());
  EXPECT_THAT(Cuda().registered, ElementsAre(Pair(data, kMiB)));
  EXPECT_EQ(Cuda().flags, 1u);
  slab.reset();
  slab = pool_->Allocate(kMiB);
  EXPECT_EQ(slab->data(), data);
  EXPECT_TRUE(slab->page_locked());
  EXPECT_EQ(Cuda().registered.size(), 1u);
  EXPECT_EQ(pool_->stats().locked_bytes, kMiB);
}

TEST_F(PageLockTest, UnregistersBeforeUnmapping) {
  pool_->set_page_locking(PageLocking::kCuda);
  pool_->Allocate(kMiB);
  pool_->Trim(0);
  EXPECT_THAT(Cuda().registered, IsEmpty());
  EXPECT_EQ(pool_->stats().locked_bytes, 0u);
}

TEST_F(PageLockTest, WhatCudaRefusesIsUsedAndLeavesNoErrorBehind) {
  Cuda().failure = kCudaErrorNoDevice;
  pool_->set_page_locking(PageLocking::kCuda);
  EXPECT_FALSE(pool_->Allocate(kMiB)->page_locked());
  EXPECT_EQ(Cuda().last_error, 0);
  EXPECT_EQ(pool_->stats().locked_bytes, 0u);
}

TEST_F(PageLockTest, WhatWasRefusedIsTriedAgainWhenAskedAgain) {
  Cuda().failure = kCudaErrorNoDevice;
  pool_->set_page_locking(PageLocking::kCuda);
  EXPECT_FALSE(pool_->Allocate(kMiB)->page_locked());
  Cuda().failure = 0;
  EXPECT_FALSE(pool_->Allocate(kMiB)->page_locked()) << "reused";
  pool_->set_page_locking(PageLocking::kCuda);
  EXPECT_TRUE(pool_->Allocate(kMiB)->page_locked());
  pool_->set_page_locking(PageLocking::kCuda);
  EXPECT_EQ(pool_->stats().idle_bytes, kMiB) << "kept: nothing was refused";
}

TEST_F(PageLockTest, AnotherWishHoldsForSlabsFromThenOn) {
  SlabPtr pageable = pool_->Allocate(kMiB);
  pool_->Allocate(2 * kMiB);  // idle
  pool_->set_page_locking(PageLocking::kCuda);
  EXPECT_EQ(pool_->stats().idle_bytes, 0u);
  EXPECT_FALSE(pageable->page_locked());
  pageable.reset();
  EXPECT_EQ(pool_->stats().idle_bytes, 0u);
  EXPECT_TRUE(pool_->Allocate(kMiB)->page_locked());
  pool_->set_page_locking(PageLocking::kNone);
  EXPECT_THAT(Cuda().registered, IsEmpty());
  EXPECT_FALSE(pool_->Allocate(kMiB)->page_locked());
}

}  // namespace
}  // namespace s3native
