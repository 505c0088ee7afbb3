// The least that HTTP costs on a machine, which benchmarks compare with: threads with a blocking
// connection each, one request after another, bodies straight from the socket into memory that is
// faulted in, or from it to the socket.
// Thread-safety: one call at a time. Ownership: owns its connections and memory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "s3native/error.h"

namespace s3native {

struct LimitTarget {
  std::string host;
  uint16_t port = 0;
  bool tls = false;
  std::string ca_bundle{};  // empty: what this machine trusts
};

struct LimitRequest {
  std::string head;  // all of it, the empty line at its end included
  bool sends = false;
  bool has_body = true;  // the response: not to HEAD
  uint64_t offset = 0;   // in the loop's memory, of what is sent or received
  uint64_t size = 0;     // 0: what is received is dropped
};

struct LimitRound {
  double seconds = 0;
  std::vector<double> latencies_us;  // of each request, in the order given
  std::vector<int> statuses;         // likewise; 0 where the connection failed
};

class LimitLoop {
 public:
  // Fails when a CA bundle cannot be read.
  static Result<std::unique_ptr<LimitLoop>> Create(LimitTarget target, unsigned threads,
                                                   std::vector<LimitRequest> requests);
  virtual ~LimitLoop() = default;

  // Makes all requests once; a failed connection fails its request only.
  virtual LimitRound Run() = 0;
};

}  // namespace s3native
