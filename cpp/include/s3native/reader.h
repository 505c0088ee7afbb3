// Reading one object piece by piece: sequential reads are answered from what was asked for ahead of
// them, others get exactly what they ask for, large ones straight into the caller's memory.
//
// Thread-safety: all methods, any thread; reads at a cursor should come from one thread at a time,
// or none of them continues another. Ownership: the client must outlive its readers; memory handed
// in is borrowed until the call returns, memory handed out is a Slab. Destroying a reader does not
// wait: requests in flight are cancelled and own their memory.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "s3native/client.h"

namespace s3native {

enum class Access { kAuto, kSequential, kRandom };

struct ReaderOptions {
  std::optional<uint64_t> size;  // believed; absent: the first answer tells
  std::string etag;              // believed: anything else is kPreconditionFailed; empty: the first
                                 // answer's pins all later reads
  std::string version_id;
  Access access = Access::kAuto;
  std::optional<uint64_t> readahead;  // bytes ahead at most, below 128 KiB none; absent: a quarter
                                      // of memory_limit
  bool follow = false;  // the object grows: nothing is pinned, and its end is asked for each time
};

enum class ReadKind {
  kNext,   // at a cursor: reads that continue each other are answered from memory
  kAlone,  // not one of a sequence
  kRest,   // of everything from `start` on: a whole object's checksum is verified
};

class Reader {
 public:
  virtual ~Reader() = default;

  // Fills the destination from byte `start` on; returns how many bytes there were, less than asked
  // for only at the object's end.
  virtual Result<uint64_t> ReadAt(uint64_t start, MutableBytes destination, ReadKind kind,
                                  const CallOptions& call) = 0;
  // As ReadAt of kNext, in pool memory: without a copy where one request brought all of it.
  virtual Result<Fetched> ViewAt(uint64_t start, uint64_t size, const CallOptions& call) = 0;
  // All from `start` on, likewise; but no further requests once there are `enough` bytes.
  virtual Result<Fetched> ViewRest(uint64_t start, uint64_t enough, const CallOptions& call) = 0;
  // Bytes that are at hand at `start`, or that one request for `size` brings: at least one, unless
  // the object ends there.
  virtual Result<Fetched> ViewSome(uint64_t start, uint64_t size, const CallOptions& call) = 0;
  // How many bytes a first request for "the rest from `start` on" should ask for.
  virtual uint64_t PredictedRest(uint64_t start) const = 0;
  // What reads are pinned to; absent while nothing is known, and when the object is followed.
  virtual std::optional<ObjectInfo> Pinned() const = 0;
  // What the server says of the object; asks for it if no read has brought it.
  virtual Result<ObjectInfo> Info(const CallOptions& call) = 0;
  virtual Result<uint64_t> Size(const CallOptions& call) = 0;
  // Asks for ranges that will be read, as far as memory allows; the others are asked for when these
  // have been read. Each is kept until it has been read.
  virtual Status WillNeed(const std::vector<ByteRange>& ranges, const CallOptions& call) = 0;
};

}  // namespace s3native
