// How far a reader of one object reads ahead of its cursor, and by how large requests.
//
// Rules. Reads that use all connections by themselves have nothing read ahead of them, since that
// is copied, unless a good part of the time nothing comes: between reads, and until the first byte
// of each. Then as much as one read at least is read ahead. They are split into as many requests as
// there are connections, of 1 MiB or more; into more and smaller ones where the server answers at
// once. Other reads that do not continue where the last one ended, nor begin in what is at hand,
// get exactly what they ask for. Behind reads that do, as much is read ahead as the run has read so
// far, up to the window. The window starts at 1 MiB and doubles as long as the reader waits for the
// network and the last doubling made it faster by a tenth. Else the network is full, or the server
// is busy with the number of requests: as many of twice the size are tried, and where they are
// faster by a tenth the window grows on. Else small ones are better, and the window before the last
// doubling if that brought next to nothing: what is read soon is still in a cache. From time to
// time, ever more rarely, all that is tried again.
// Thread-safety: none, one reader. Ownership: plain values; times are passed in.
#pragma once

#include <cstdint>

#include "s3native/reader.h"

namespace s3native {

struct PrefetchOptions {
  Access access = Access::kAuto;
  uint64_t max_window = 64ull << 20;  // bytes ahead at most; below 128 KiB: none
  uint64_t max_block = 8ull << 20;    // bytes of one request ahead at most
  uint64_t connections = 8;           // that requests ahead may use beside each other
  uint64_t rest_us = 500'000;         // how long the first window found is kept, the next twice
};

class PrefetchWindow {
 public:
  explicit PrefetchWindow(const PrefetchOptions& options);

  // Whether a read that starts there goes on where the last one ended.
  bool Continues(uint64_t start) const { return start == next_; }
  // A read of [start, start + size), `buffered` when its first byte is at hand; returns how many
  // bytes behind its end should be there, or under way, by the time it returns.
  uint64_t OnRead(uint64_t start, uint64_t size, bool buffered);
  // That read brought `size` bytes at `now_us`, of a steady clock, after waiting `waited_us` for
  // the network.
  void OnServed(uint64_t size, uint64_t waited_us, uint64_t now_us);
  // A read's own requests, more than one, all ended so long after they were sent; the first answer
  // began `late_us` after that. The read before had ended `before_us` earlier.
  void OnSplit(uint64_t before_us, uint64_t late_us, uint64_t elapsed_us);
  // Bytes of one request of a read of so many.
  uint64_t RequestSizeFor(uint64_t size) const;
  // Bytes of one request, so many ahead: all connections are used before requests grow.
  uint64_t BlockSizeOf(uint64_t ahead) const;
  uint64_t window() const { return window_; }

 private:
  struct Epoch {
    uint64_t started_us = 0;
    uint64_t bytes = 0;
    uint64_t waited_us = 0;
  };

  struct Votes {
    int epochs = 0;
    double rates = 0;
  };

  bool FillsConnections(uint64_t size) const;
  void Judge(uint64_t now_us);
  void Grow(double rate);
  bool TryLargerBlocks();
  void Settle(uint64_t now_us);

  const PrefetchOptions options_;
  uint64_t window_;
  uint64_t next_ = 0;  // where the last read ended
  uint64_t run_ = 0;   // bytes read since the last jump
  uint64_t ahead_ = 0;
  Epoch epoch_;
  double best_rate_ = 0;  // bytes per microsecond
  Votes good_;            // of epochs since the last change
  Votes vain_;
  uint64_t rests_until_us_ = 0;
  uint64_t rest_us_;            // of what is settled next
  uint64_t window_before_ = 0;  // the last doubling
  uint64_t good_window_ = 0;    // where to settle if larger blocks bring nothing
  uint64_t spread_;             // requests that the window is made of, if they are large enough
  uint64_t spread_before_ = 0;  // when larger blocks were tried last; 0: not at this window
  double late_us_;              // until a read's first byte, on average
  double idle_share_ = 0;       // of the time from one such read to the next: nothing comes
  uint64_t old_bytes_ = 0;      // still to come of what was asked for before the last change
};

}  // namespace s3native
