// What TensorFlow's filesystem plugins are made of: our own declarations of the structs in its
// tensorflow/c/experimental/filesystem/filesystem_interface.h, which are the same from TensorFlow
// 2.12 to 2.21 (ABI 0, API 0), so that no header of TensorFlow is needed to build.
//
// Thread-safety: TensorFlow calls all but the plugin's init from any thread. Ownership: what a
// function puts into an `owner` is freed by the cleanup of the same table; strings and arrays that
// are handed to TensorFlow come from PluginInfo's allocate.
#pragma once

#include <cstddef>
#include <cstdint>

namespace s3native::tensorflow {

struct TfStatus;  // TF_Status

// TF_RandomAccessFile, TF_WritableFile, TF_ReadOnlyMemoryRegion, TF_Filesystem.
struct Owner {
  void* object;
};

struct FileStatistics {
  int64_t length;
  int64_t mtime_ns;
  bool is_directory;
};

struct RandomAccessFileOps {
  void (*cleanup)(Owner*);
  int64_t (*read)(const Owner*, uint64_t offset, size_t size, char* buffer, TfStatus*);
};

struct WritableFileOps {
  void (*cleanup)(Owner*);
  void (*append)(const Owner*, const char* data, size_t size, TfStatus*);
  int64_t (*tell)(const Owner*, TfStatus*);
  void (*flush)(const Owner*, TfStatus*);
  void (*sync)(const Owner*, TfStatus*);
  void (*close)(const Owner*, TfStatus*);
};

struct MemoryRegionOps {
  void (*cleanup)(Owner*);
  const void* (*data)(const Owner*);
  uint64_t (*length)(const Owner*);
};

// Those that later versions of TensorFlow have behind these (transactions, options) stay empty:
// TensorFlow copies as many as a plugin says that it has.
struct FilesystemOps {
  void (*init)(Owner*, TfStatus*);
  void (*cleanup)(Owner*);
  void (*new_random_access_file)(const Owner*, const char* path, Owner* file, TfStatus*);
  void (*new_writable_file)(const Owner*, const char* path, Owner* file, TfStatus*);
  void (*new_appendable_file)(const Owner*, const char* path, Owner* file, TfStatus*);
  void (*new_read_only_memory_region_from_file)(const Owner*, const char* path, Owner* region,
                                                TfStatus*);
  void (*create_dir)(const Owner*, const char* path, TfStatus*);
  void (*recursively_create_dir)(const Owner*, const char* path, TfStatus*);
  void (*delete_file)(const Owner*, const char* path, TfStatus*);
  void (*delete_dir)(const Owner*, const char* path, TfStatus*);
  void (*delete_recursively)(const Owner*, const char* path, uint64_t* undeleted_files,
                             uint64_t* undeleted_dirs, TfStatus*);
  void (*rename_file)(const Owner*, const char* source, const char* destination, TfStatus*);
  void (*copy_file)(const Owner*, const char* source, const char* destination, TfStatus*);
  void (*path_exists)(const Owner*, const char* path, TfStatus*);
  bool (*paths_exist)(const Owner*, char** paths, int count, TfStatus** statuses);
  void (*stat)(const Owner*, const char* path, FileStatistics*, TfStatus*);
  bool (*is_directory)(const Owner*, const char* path, TfStatus*);
  int64_t (*get_file_size)(const Owner*, const char* path, TfStatus*);
  char* (*translate_name)(const Owner*, const char* uri);
  int (*get_children)(const Owner*, const char* path, char*** entries, TfStatus*);
  int (*get_matching_paths)(const Owner*, const char* pattern, char*** entries, TfStatus*);
  void (*flush_caches)(const Owner*);
};

struct PluginOps {
  char* scheme;
  int filesystem_abi;
  int filesystem_api;
  size_t filesystem_size;
  FilesystemOps* filesystem;
  int random_access_file_abi;
  int random_access_file_api;
  size_t random_access_file_size;
  RandomAccessFileOps* random_access_file;
  int writable_file_abi;
  int writable_file_api;
  size_t writable_file_size;
  WritableFileOps* writable_file;
  int memory_region_abi;
  int memory_region_api;
  size_t memory_region_size;
  MemoryRegionOps* memory_region;
};

struct PluginInfo {
  size_t scheme_count;
  PluginOps* ops;
  void* (*allocate)(size_t);
  void (*release)(void*);
};

}  // namespace s3native::tensorflow
