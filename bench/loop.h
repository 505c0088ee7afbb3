// Purpose: what the limit probes share: a destination that is faulted in, connections, the clock,
// the report. Thread-safety: functions only, safe from any thread; RunRounds runs `work` on many
// threads at once. Ownership: Memory unmaps its pages; sockets belong to who connected them and
// last as long as the process.
#ifndef S3NATIVE_BENCH_LOOP_H_
#define S3NATIVE_BENCH_LOOP_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace s3native::bench {

// Anonymous pages, all written to before the clock starts.
class Memory {
 public:
  explicit Memory(size_t size);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  [[nodiscard]] char* data() const { return data_; }

 private:
  char* data_;
  size_t size_;
};

struct Arguments {
  std::string host;
  uint16_t port = 0;
  std::string path;
  size_t size = 0;
  unsigned threads = 1;
  size_t part_size = 0;
  int rounds = 1;
};

// HOST PORT PATH SIZE THREADS PART_SIZE ROUNDS, or exits with the usage.
Arguments ParseArguments(int argc, char** argv);

[[noreturn]] void Die(const char* what);
int Connect(const Arguments& arguments);
std::string RangeRequest(const Arguments& arguments, size_t offset, size_t size);

// The offset of the body in an answer's first bytes, 0 while the head is not complete. Exits unless
// it is 2xx.
size_t BodyOffset(const char* head, size_t head_size);

// Moves one part: `thread` picks the connection, [offset, offset + size) the bytes.
using MovePart = std::function<void(unsigned thread, size_t offset, size_t size)>;

// Runs one round unmeasured and then `rounds`; threads take the next part as they finish one.
// Prints one JSON line: medians of GB/s (1e9 bytes) and CPU seconds (user + system) per GB, and
// each round.
void RunRounds(const Arguments& arguments, const MovePart& move);

}  // namespace s3native::bench

#endif  // S3NATIVE_BENCH_LOOP_H_
