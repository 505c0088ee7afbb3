#include "page_lock.h"

#include <dlfcn.h>
#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>

#include "s3native/events.h"

namespace s3native {
namespace {

constexpr unsigned kCudaHostRegisterPortable = 1;  // for the GPUs of all contexts

struct CudaRuntime {
  int (*host_register)(void* data, size_t size, unsigned flags) = nullptr;
  int (*host_unregister)(void* data) = nullptr;
  int (*take_last_error)() = nullptr;
};

template <typename Function>
bool Find(void* library, const char* name, Function** found) {
  *found = reinterpret_cast<Function*>(dlsym(library, name));
  return *found != nullptr;
}

bool FindIn(void* library, CudaRuntime* runtime) {
  return Find(library, "cudaHostRegister", &runtime->host_register) &&
         Find(library, "cudaHostUnregister", &runtime->host_unregister) &&
         Find(library, "cudaGetLastError", &runtime->take_last_error);
}

// Frameworks bring a runtime of their own: what is loaded comes before what could be.
bool FindRuntime(CudaRuntime* runtime) {
  if (FindIn(RTLD_DEFAULT, runtime)) return true;
  for (const int loaded_only : {RTLD_NOLOAD, 0}) {
    for (const char* name :
         {"libcudart.so.13", "libcudart.so.12", "libcudart.so.11.0", "libcudart.so"}) {
      void* library = dlopen(name, RTLD_LAZY | loaded_only);
      if (library != nullptr && FindIn(library, runtime)) return true;
      if (library != nullptr) dlclose(library);
    }
  }
  return false;
}

const CudaRuntime* GetCudaRuntime() {
  static std::atomic<const CudaRuntime*> current{nullptr};
  const CudaRuntime* known = current.load();
  if (known != nullptr) return known;
  CudaRuntime found;
  if (!FindRuntime(&found)) return nullptr;
  const auto* fresh = new CudaRuntime(found);
  if (current.compare_exchange_strong(known, fresh)) return fresh;
  delete fresh;
  return known;
}

// Once: every slab would fail alike.
bool Refused(const std::string& why) {
  static std::atomic<bool> told{false};
  if (IsLogged(LogLevel::kWarning) && !told.exchange(true))
    Log(LogLevel::kWarning, "memory is not page-locked: " + why);
  return false;
}

bool RegisterWithCuda(std::byte* data, size_t size) {
  const CudaRuntime* cuda = GetCudaRuntime();
  if (cuda == nullptr) return Refused("no CUDA runtime (libcudart) was found");
  const int failure = cuda->host_register(data, size, kCudaHostRegisterPortable);
  if (failure == 0) return true;
  cuda->take_last_error();  // or the next check of somebody else's kernel would find it
  return Refused("cudaHostRegister failed with error " + std::to_string(failure));
}

}  // namespace

bool LockPages(PageLocking how, std::byte* data, size_t size) {
  switch (how) {
    case PageLocking::kNone:
      return false;
    case PageLocking::kMlock:
      return mlock(data, size) == 0 || Refused(std::string("mlock: ") + std::strerror(errno));
    case PageLocking::kCuda:
      return RegisterWithCuda(data, size);
  }
  return false;
}

void UnlockPages(PageLocking how, std::byte* data, size_t size) {
  if (how == PageLocking::kMlock) munlock(data, size);
  if (how != PageLocking::kCuda) return;
  const CudaRuntime& cuda = *GetCudaRuntime();
  if (cuda.host_unregister(data) != 0) cuda.take_last_error();
}

}  // namespace s3native
