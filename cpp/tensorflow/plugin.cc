// What TensorFlow calls of the library that it is told to load.
#include <cstdio>
#include <cstring>

#include "filesystem.h"
#include "status.h"

namespace s3native::tensorflow {
namespace {

// A table in memory that TensorFlow frees.
template <typename Ops>
void Put(const Ops& made, size_t* size, Ops** ops) {
  *size = sizeof(Ops);
  *ops = static_cast<Ops*>(Allocate(sizeof(Ops)));
  **ops = made;
}

}  // namespace
}  // namespace s3native::tensorflow

extern "C" __attribute__((visibility("default"))) void TF_InitPlugin(
    s3native::tensorflow::PluginInfo* plugin) {
  using namespace s3native::tensorflow;  // NOLINT(google-build-using-namespace): this is its door
  if (!FindSetStatus()) {
    std::fputs("s3native: there is no TensorFlow in this process\n", stderr);
    return;
  }
  plugin->allocate = &Allocate;
  plugin->release = &Release;
  plugin->scheme_count = 1;
  auto* ops = static_cast<PluginOps*>(Allocate(sizeof(PluginOps)));
  constexpr char kScheme[] = "s3";
  ops->scheme = static_cast<char*>(Allocate(sizeof kScheme));
  std::memcpy(ops->scheme, kScheme, sizeof kScheme);
  Put(MakeFilesystemOps(), &ops->filesystem_size, &ops->filesystem);
  Put(MakeRandomAccessFileOps(), &ops->random_access_file_size, &ops->random_access_file);
  Put(MakeWritableFileOps(), &ops->writable_file_size, &ops->writable_file);
  Put(MakeMemoryRegionOps(), &ops->memory_region_size, &ops->memory_region);
  plugin->ops = ops;
}
