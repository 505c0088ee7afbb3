#include "crt/runtime.h"

#include <aws/s3/s3.h>
#include <pthread.h>
#include <unistd.h>

#include <map>
#include <mutex>

#include "crt/crt_logger.h"

namespace s3native::crt {
namespace {

struct Shared {
  std::mutex mutex;
  pid_t pid = 0;
  std::map<uint16_t, std::shared_ptr<Runtime>>* runtimes = nullptr;
};

// Never destroyed: event loop threads may outlive static destructors.
Shared& GetShared() {
  static Shared* shared = new Shared;
  return *shared;
}

}  // namespace

aws_allocator* Allocator() {
  static aws_allocator* allocator = [] {
    aws_allocator* fresh = aws_default_allocator();
    aws_s3_library_init(fresh);
    // Forking while another thread holds the registry would leave the child's copy locked.
    pthread_atfork([] { GetShared().mutex.lock(); }, [] { GetShared().mutex.unlock(); },
                   [] { GetShared().mutex.unlock(); });
    return fresh;
  }();
  return allocator;
}

std::shared_ptr<Runtime> Runtime::Get(uint16_t event_loops) {
  Allocator();
  [[maybe_unused]] static const bool logs = (InstallLogger(), true);
  Shared& shared = GetShared();
  std::lock_guard lock(shared.mutex);
  if (shared.pid != getpid()) {
    // First use in this process. After a fork the parent's runtimes are leaked on purpose: their
    // threads do not exist here, and releasing them would wait for those threads.
    shared.pid = getpid();
    shared.runtimes = new std::map<uint16_t, std::shared_ptr<Runtime>>;
  }
  std::shared_ptr<Runtime>& runtime = (*shared.runtimes)[event_loops];
  if (!runtime) runtime = std::make_shared<Runtime>(event_loops);
  return runtime;
}

Runtime::Runtime(uint16_t event_loops) : allocator_(Allocator()) {
  event_loops_.reset(aws_event_loop_group_new_default(allocator_, event_loops, nullptr));
  aws_host_resolver_default_options resolver_options{};
  resolver_options.el_group = event_loops_.get();
  resolver_options.max_entries = 64;
  resolver_.reset(aws_host_resolver_new_default(allocator_, &resolver_options));
  aws_client_bootstrap_options bootstrap_options{};
  bootstrap_options.event_loop_group = event_loops_.get();
  bootstrap_options.host_resolver = resolver_.get();
  bootstrap_.reset(aws_client_bootstrap_new(allocator_, &bootstrap_options));
}

}  // namespace s3native::crt
