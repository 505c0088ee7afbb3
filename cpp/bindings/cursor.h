// What reads an object at a cursor, below s3native._core.Cursor: small reads and lines are answered
// out of the engine's memory.
//
// Thread-safety: with the GIL; threads that find the cursor waiting for bytes wait for their turn.
// Ownership: keeps the reader, and the memory it reads from.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <mutex>
#include <thread>

#include "buffer.h"
#include "reader.h"

namespace s3native::python {

inline constexpr char kClosed[] = "I/O operation on closed file";

class Cursor {
 public:
  // Once. `client` is an s3native.Client, whose engine opens the object, now and in a forked child;
  // `options` a dict of what Client.open takes, or None for the defaults.
  void Open(py::object client, py::object url, py::object options, uint64_t buffer_size,
            uint64_t position);
  uint64_t position() const { return position_; }
  bool closed() const { return closed_; }
  void Close();
  // In a forked child the parent's memory and requests are kept, not torn down.
  void Forget();
  // For the garbage collector.
  void Clear();
  int Traverse(visitproc visit, void* arg) const;

  const py::object& client() const { return client_; }
  const py::object& url() const { return url_; }
  const py::object& options() const { return options_; }
  uint64_t buffer_size() const { return buffer_size_; }
  bool has_reader() const { return reader_ != nullptr; }
  // Opens it anew in a forked child.
  std::shared_ptr<PyReader> reader();
  // When it is opened again it shall be the same object.
  void Pin();

  // What is at hand, if that is `size` bytes or more and nobody moves the cursor.
  const std::byte* AtHand(uint64_t size) const {
    return busy_ || closed_ || size > Available() ? nullptr : At();
  }
  uint64_t Available() const {
    const bool inside = position_ >= window_start_ && position_ < window_end_;
    return inside ? window_end_ - position_ : 0;
  }
  void Advance(uint64_t size) { position_ += size; }

  py::bytes Read(int64_t size);
  py::bytes ReadSome(int64_t size);
  uint64_t ReadInto(const py::object& buffer, bool some);
  py::bytes ReadLine(int64_t limit);
  py::bytes Peek();
  Buffer View(int64_t size);
  uint64_t Seek(int64_t offset, int64_t whence);

 private:
  // One call at a time may wait for bytes; a signal handler may not come in between.
  class Turn {
   public:
    explicit Turn(Cursor* cursor);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    Cursor& cursor_;
  };

  void CheckOpen() const;
  Reader& engine() { return *reader()->reader; }
  const std::byte* At() const { return window_ + (position_ - window_start_); }
  void DropWindow() {
    slab_ = nullptr;
    window_ = nullptr;
    window_start_ = window_end_ = 0;
  }
  void SetWindow(Fetched view);
  bool MoveWindow();
  uint64_t CopyTo(MutableBytes destination);
  uint64_t Fill(MutableBytes destination);
  uint64_t ReadSmall(GrowingBytes* out);
  uint64_t AtMost(uint64_t size);
  // A call that fails leaves the cursor where it was.
  template <typename Work>
  auto Whole(Work&& work) {
    const uint64_t start = position_;
    try {
      return work();
    } catch (...) {
      position_ = start;
      throw;
    }
  }

  py::object client_;
  py::object url_;
  py::object options_;
  uint64_t buffer_size_ = 0;
  std::shared_ptr<PyReader> reader_;
  uint64_t position_ = 0;
  bool closed_ = false;
  bool busy_ = false;
  std::thread::id owner_;
  std::mutex turn_;
  SlabPtr slab_;
  const std::byte* window_ = nullptr;  // bytes [window_start_, window_end_) of the object
  uint64_t window_start_ = 0;
  uint64_t window_end_ = 0;
};

}  // namespace s3native::python
