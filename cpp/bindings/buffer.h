// Memory across the border: engine slabs as Python buffers, Python buffers as engine memory.
// Thread-safety: construct and destroy with the GIL held; pointers may be used without it.
// Ownership: a Buffer keeps its slab, and every Python view keeps its Buffer; a BorrowedBuffer
// keeps the Python object's memory in place.
#pragma once

#include <pybind11/pybind11.h>

#include "s3native/client.h"

namespace s3native::python {

namespace py = pybind11;

// s3native.Buffer: bytes that the engine received.
struct Buffer {
  SlabPtr slab;
  size_t offset = 0;
  size_t size = 0;

  std::byte* data() const { return slab ? slab->data() + offset : nullptr; }
};

// Any object with the buffer protocol, C-contiguous; writable when asked. Raises ValueError or
// TypeError that names the argument.
class BorrowedBuffer {
 public:
  BorrowedBuffer(py::handle object, bool writable, const char* argument);
  ~BorrowedBuffer();
  BorrowedBuffer(const BorrowedBuffer&) = delete;
  BorrowedBuffer& operator=(const BorrowedBuffer&) = delete;

  MutableBytes writable() const {
    return {static_cast<std::byte*>(view_.buf), static_cast<size_t>(view_.len)};
  }
  ConstBytes readable() const {
    return {static_cast<const std::byte*>(view_.buf), static_cast<size_t>(view_.len)};
  }
  // A memoryview of bytes, which must be there.
  py::object View(size_t start, size_t size) const;

 private:
  Py_buffer view_{};
};

void BindBuffer(py::module_& module);

}  // namespace s3native::python
