// The engine's front door: every operation as a blocking call on an ObjectStore, and streams of
// many GETs.
//
// Thread-safety: all methods of Client, any thread, any number at once. A GetManyStream belongs to
// one thread at a time. Ownership: clients are shared; memory handed in is borrowed until the call
// returns (for GetManyStream: until its destruction), memory handed out is a Slab.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "s3native/config.h"
#include "s3native/memory.h"
#include "s3native/object_store.h"
#include "s3native/stats.h"

namespace s3native {

class Reader;
struct ReaderOptions;
class SizePredictor;
class Writer;

// How a caller can end a wait.
struct CallOptions {
  // Asked about every 50 ms while waiting, on the waiting thread; true cancels the operation and
  // ends the wait with kCancelled once the operation has let go of all memory.
  std::function<bool()> interrupted;
};

// Bytes in a slab.
struct Fetched {
  SlabPtr slab;       // null when size is 0 or the caller's memory received the bytes
  size_t offset = 0;  // of the first byte in the slab
  size_t size = 0;
  ObjectInfo info;
};

// What became of a range that was to go into a file.
struct FiledRange {
  int file_error = 0;      // not 0: the errno with which the file could not be written or read back
  uint64_t crc64nvme = 0;  // if asked for, of what the file has now
};

struct FetchOptions {
  std::optional<ByteRange> range;  // absent: the whole object
  std::string if_match;
  std::string version_id;
};

// An object that is there already, as it was last seen.
struct Existing {
  std::string etag;
  uint64_t size = 0;  // at least 5 MiB: S3 copies nothing smaller into an upload
};

struct UploadOptions {
  PutOptions object;
  uint64_t part_size = 0;        // 0: the configuration's
  std::optional<bool> checksum;  // CRC64NVME; absent: as the configuration's request_checksum says
  // Of writers only: the object that is at the URL stays, as the beginning of what is written, and
  // is copied by the server. Without a checksum. Has it changed: kPreconditionFailed.
  std::optional<Existing> after = std::nullopt;
};

struct GetManyRequest {
  S3Url url;
  std::optional<ByteRange> range;
  MutableBytes destination;                    // data null: into a slab
  std::optional<uint64_t> expected_size = {};  // of the object, if somebody thinks to know it
};

struct GetManyItem {
  size_t index = 0;            // position of the request in the order of Add
  std::optional<Error> error;  // set: nothing was fetched
  Fetched fetched;
};

struct GetManyOptions {
  bool ordered = true;
  size_t concurrency = 32;  // requests in flight
};

// Many GETs: bounded in number and, through the process's budget, in memory.
class GetManyStream {
 public:
  virtual ~GetManyStream() = default;  // cancels what is in flight and waits for it
  // True while another request may be added without growing what is held.
  virtual bool WantsMore() const = 0;
  virtual void Add(GetManyRequest request) = 0;
  // The next item, in order or as completed; absent when nothing is left. An Error only when
  // interrupted.
  virtual Result<std::optional<GetManyItem>> Next(const CallOptions& call) = 0;
};

class Client : public std::enable_shared_from_this<Client> {
 public:
  // Resolves the configuration and connects lazily: no request is sent.
  static Result<std::shared_ptr<Client>> Create(const ConfigOptions& options);
  // Over any store; `config` supplies sizes and limits.
  Client(Config config, std::shared_ptr<ObjectStore> store);
  ~Client();

  const Config& config() const { return config_; }
  ObjectStore& store() const { return *store_; }
  const std::shared_ptr<ObjectStore>& shared_store() const { return store_; }

  Result<ObjectInfo> Head(const S3Url& url, const std::string& version_id,
                          const CallOptions& call) const;
  Result<Fetched> Get(const S3Url& url, const FetchOptions& options, const CallOptions& call) const;
  Result<GetResult> GetInto(const S3Url& url, MutableBytes destination, const FetchOptions& options,
                            const CallOptions& call) const;
  // A range that lies within the object, to the same place of an open file, which is read back for
  // a checksum. One request: what is worth more is cut up, and asked for by several threads.
  Result<FiledRange> GetIntoFile(const S3Url& url, int descriptor, const ByteRange& range,
                                 const std::string& if_match, bool checksum,
                                 const CallOptions& call) const;
  // One piece per range, in the order given; ranges at most `coalesce_gap` bytes apart share a
  // request.
  Result<std::vector<Fetched>> GetRanges(const S3Url& url, const std::vector<ByteRange>& ranges,
                                         uint64_t coalesce_gap, const FetchOptions& options,
                                         const CallOptions& call) const;
  std::unique_ptr<GetManyStream> GetMany(const GetManyOptions& options) const;
  // These send nothing. This client must outlive what they return.
  Result<std::unique_ptr<Reader>> OpenReader(S3Url url, ReaderOptions options) const;
  Result<std::unique_ptr<Writer>> OpenWriter(S3Url url, UploadOptions options) const;
  Result<PutResult> Put(const S3Url& url, ConstBytes data, const UploadOptions& options,
                        const CallOptions& call) const;
  Result<ListPage> List(const ListRequest& request, const CallOptions& call) const;
  Status Delete(const S3Url& url, const std::string& version_id, const CallOptions& call) const;
  // Batches of 1 000 within each bucket; one entry for each key that could not be deleted.
  Result<std::vector<std::pair<S3Url, Error>>> DeleteMany(const std::vector<S3Url>& urls,
                                                          const CallOptions& call) const;
  // Server side; multipart above 5 GiB, keeping metadata.
  Result<PutResult> Copy(const CopyRequest& request, const CallOptions& call) const;
  Status CreateBucket(const std::string& bucket, const CallOptions& call) const;
  Status DeleteBucket(const std::string& bucket, const CallOptions& call) const;
  Result<std::vector<BucketInfo>> ListBuckets(const CallOptions& call) const;
  // Aborts pending uploads below `prefix` older than `older_than_ms`; returns how many.
  Result<size_t> AbortStaleUploads(const S3Url& prefix, int64_t older_than_ms,
                                   const CallOptions& call) const;
  // A URL that makes the request for whoever has it.
  Result<std::string> Presign(const PresignRequest& request) const;

 private:
  const Config config_;
  const std::shared_ptr<ObjectStore> store_;
  std::function<Result<std::string>(const PresignRequest&)> presign_;
  const std::unique_ptr<SizePredictor> predictor_;
};

}  // namespace s3native
