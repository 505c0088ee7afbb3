// One object, read piece by piece, below the file objects of Python.
// Thread-safety: as Reader, with the GIL held; all calls release it while they wait. Ownership:
// keeps the client.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <string>

#include "s3native/reader.h"

namespace s3native::python {

namespace py = pybind11;

struct PyReader {
  std::shared_ptr<Client> client;
  std::string bucket;
  std::unique_ptr<Reader> reader;

  // Any number at once.
  py::bytes Pread(uint64_t start, uint64_t size);
  uint64_t PreadInto(uint64_t start, const py::object& buffer);
  void WillNeed(const py::iterable& ranges);
  py::object Info();
  uint64_t Size();
};

// `client` is an s3native.Client; `options` a dict of what its `open` takes, or None.
std::shared_ptr<PyReader> OpenReader(const py::object& client, const py::object& url,
                                     const py::object& options);

// A bytes object that is being filled.
class GrowingBytes {
 public:
  explicit GrowingBytes(uint64_t size);
  ~GrowingBytes() { Py_XDECREF(bytes_); }
  GrowingBytes(const GrowingBytes&) = delete;
  GrowingBytes& operator=(const GrowingBytes&) = delete;

  uint64_t size() const { return static_cast<uint64_t>(PyBytes_GET_SIZE(bytes_)); }
  MutableBytes From(uint64_t start) const {
    auto* data = reinterpret_cast<std::byte*>(PyBytes_AS_STRING(bytes_));
    return {data + start, static_cast<size_t>(size() - start)};
  }
  void Resize(uint64_t size);
  // The first `size` bytes.
  py::bytes Take(uint64_t size);

 private:
  PyObject* bytes_;
};

// Fills `out` from its byte `got` on with everything from byte `start` of the object on; how many
// bytes are in it then. Where the size is not known, the first answer tells it.
uint64_t ReadRest(Reader& reader, uint64_t start, GrowingBytes* out, uint64_t got);

}  // namespace s3native::python
