// Compiles if our declarations of TensorFlow's structs are as its own headers have them.
#include "c_api.h"
#include "status.h"
#include "tensorflow/c/experimental/filesystem/filesystem_interface.h"

namespace own = s3native::tensorflow;

#define SAME(OurType, our, TheirType, their)                                 \
  static_assert(offsetof(OurType, our) == offsetof(TheirType, their), #our); \
  static_assert(sizeof(OurType::our) == sizeof(TheirType::their), #our " size")

static_assert(sizeof(own::Owner) == sizeof(TF_RandomAccessFile));
static_assert(sizeof(own::Owner) == sizeof(TF_WritableFile));
static_assert(sizeof(own::Owner) == sizeof(TF_ReadOnlyMemoryRegion));
static_assert(sizeof(own::Owner) == sizeof(TF_Filesystem));
static_assert(sizeof(own::PluginOps) == sizeof(TF_FilesystemPluginOps));
static_assert(sizeof(own::PluginInfo) == sizeof(TF_FilesystemPluginInfo));
static_assert(sizeof(own::RandomAccessFileOps) == TF_RANDOM_ACCESS_FILE_OPS_SIZE);
static_assert(sizeof(own::WritableFileOps) == TF_WRITABLE_FILE_OPS_SIZE);
static_assert(sizeof(own::MemoryRegionOps) == TF_READ_ONLY_MEMORY_REGION_OPS_SIZE);
static_assert(sizeof(own::FilesystemOps) <= TF_FILESYSTEM_OPS_SIZE);
static_assert(TF_FILESYSTEM_OPS_ABI == 0 && TF_RANDOM_ACCESS_FILE_OPS_ABI == 0 &&
              TF_WRITABLE_FILE_OPS_ABI == 0 && TF_READ_ONLY_MEMORY_REGION_OPS_ABI == 0);
static_assert(TF_FILESYSTEM_OPS_API == 0 && TF_RANDOM_ACCESS_FILE_OPS_API == 0 &&
              TF_WRITABLE_FILE_OPS_API == 0 && TF_READ_ONLY_MEMORY_REGION_OPS_API == 0);

SAME(own::FileStatistics, length, TF_FileStatistics, length);
SAME(own::FileStatistics, mtime_ns, TF_FileStatistics, mtime_nsec);
SAME(own::FileStatistics, is_directory, TF_FileStatistics, is_directory);

#define FILESYSTEM(name) SAME(own::FilesystemOps, name, TF_FilesystemOps, name)
FILESYSTEM(init);
FILESYSTEM(cleanup);
FILESYSTEM(new_random_access_file);
FILESYSTEM(new_writable_file);
FILESYSTEM(new_appendable_file);
FILESYSTEM(new_read_only_memory_region_from_file);
FILESYSTEM(create_dir);
FILESYSTEM(recursively_create_dir);
FILESYSTEM(delete_file);
FILESYSTEM(delete_dir);
FILESYSTEM(delete_recursively);
FILESYSTEM(rename_file);
FILESYSTEM(copy_file);
FILESYSTEM(path_exists);
FILESYSTEM(paths_exist);
FILESYSTEM(stat);
FILESYSTEM(is_directory);
FILESYSTEM(get_file_size);
FILESYSTEM(translate_name);
FILESYSTEM(get_children);
FILESYSTEM(get_matching_paths);
FILESYSTEM(flush_caches);

#define READ(name) SAME(own::RandomAccessFileOps, name, TF_RandomAccessFileOps, name)
READ(cleanup);
READ(read);

#define WRITE(name) SAME(own::WritableFileOps, name, TF_WritableFileOps, name)
WRITE(cleanup);
WRITE(append);
WRITE(tell);
WRITE(flush);
WRITE(sync);
WRITE(close);

#define REGION(name) SAME(own::MemoryRegionOps, name, TF_ReadOnlyMemoryRegionOps, name)
REGION(cleanup);
REGION(data);
REGION(length);

#define PLUGIN(our, their) SAME(own::PluginOps, our, TF_FilesystemPluginOps, their)
PLUGIN(scheme, scheme);
PLUGIN(filesystem_abi, filesystem_ops_abi);
PLUGIN(filesystem_api, filesystem_ops_api);
PLUGIN(filesystem_size, filesystem_ops_size);
PLUGIN(filesystem, filesystem_ops);
PLUGIN(random_access_file_abi, random_access_file_ops_abi);
PLUGIN(random_access_file_size, random_access_file_ops_size);
PLUGIN(random_access_file, random_access_file_ops);
PLUGIN(writable_file_abi, writable_file_ops_abi);
PLUGIN(writable_file_size, writable_file_ops_size);
PLUGIN(writable_file, writable_file_ops);
PLUGIN(memory_region_abi, read_only_memory_region_ops_abi);
PLUGIN(memory_region_size, read_only_memory_region_ops_size);
PLUGIN(memory_region, read_only_memory_region_ops);

SAME(own::PluginInfo, scheme_count, TF_FilesystemPluginInfo, num_schemes);
SAME(own::PluginInfo, ops, TF_FilesystemPluginInfo, ops);
SAME(own::PluginInfo, allocate, TF_FilesystemPluginInfo, plugin_memory_allocate);
SAME(own::PluginInfo, release, TF_FilesystemPluginInfo, plugin_memory_free);

#define CODE(our, their) static_assert(static_cast<int>(own::Code::our) == their, #their)
CODE(kOk, TF_OK);
CODE(kCancelled, TF_CANCELLED);
CODE(kUnknown, TF_UNKNOWN);
CODE(kInvalidArgument, TF_INVALID_ARGUMENT);
CODE(kDeadlineExceeded, TF_DEADLINE_EXCEEDED);
CODE(kNotFound, TF_NOT_FOUND);
CODE(kAlreadyExists, TF_ALREADY_EXISTS);
CODE(kPermissionDenied, TF_PERMISSION_DENIED);
CODE(kResourceExhausted, TF_RESOURCE_EXHAUSTED);
CODE(kFailedPrecondition, TF_FAILED_PRECONDITION);
CODE(kOutOfRange, TF_OUT_OF_RANGE);
CODE(kUnavailable, TF_UNAVAILABLE);
CODE(kDataLoss, TF_DATA_LOSS);
CODE(kUnauthenticated, TF_UNAUTHENTICATED);
