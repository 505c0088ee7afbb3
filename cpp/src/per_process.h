// One T for each process: a forked child gets its own on first use, since the parent's locks may
// have been held by threads that do not exist there.
// Thread-safety: any thread. Ownership: none is ever destroyed.
#pragma once

#include <unistd.h>

#include <atomic>

namespace s3native {

template <typename T>
class PerProcess {
 public:
  // `make` may be called by several threads at once; one of its results is kept.
  template <typename Make>
  T& Get(Make&& make) {
    const pid_t pid = getpid();
    Entry* mine = current_.load();
    while (mine == nullptr || mine->pid != pid) {
      auto* fresh = new Entry{pid, make()};
      if (current_.compare_exchange_strong(mine, fresh)) return fresh->value;
      delete fresh;
    }
    return mine->value;
  }

 private:
  struct Entry {
    pid_t pid;
    T value;
  };
  std::atomic<Entry*> current_{nullptr};
};

}  // namespace s3native
