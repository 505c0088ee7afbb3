#include "reader.h"

#include <pybind11/stl.h>

#include "buffer.h"
#include "convert.h"
#include "objects.h"
#include "s3native/reader.h"

namespace s3native::python {
namespace {

struct PyReader {
  std::shared_ptr<Client> client;
  std::string bucket;
  std::unique_ptr<Reader> reader;
};

Access AccessFrom(const std::string& name) {
  if (name == "auto") return Access::kAuto;
  if (name == "sequential") return Access::kSequential;
  if (name == "random") return Access::kRandom;
  throw py::value_error("access must be \"auto\", \"sequential\" or \"random\", not " +
                        py::repr(py::str(name)).cast<std::string>());
}

PyReader Open(std::shared_ptr<Client> client, const std::string& url, std::optional<uint64_t> size,
              const std::string& etag, const std::string& version_id, const std::string& access,
              std::optional<uint64_t> readahead, bool follow) {
  const S3Url parsed = ObjectUrl(url);
  ReaderOptions options{size, etag, version_id, AccessFrom(access), readahead, follow};
  std::unique_ptr<Reader> reader = Unwrap(client->OpenReader(parsed, std::move(options)));
  return {std::move(client), parsed.bucket, std::move(reader)};
}

uint64_t ReadInto(PyReader& self, uint64_t start, const py::object& buffer, ReadKind kind) {
  const BorrowedBuffer borrowed(buffer, true, "buffer");
  return WithoutGil(
      [&] { return self.reader->ReadAt(start, borrowed.writable(), kind, Interruptible()); });
}

// A bytes object that is being filled.
class GrowingBytes {
 public:
  explicit GrowingBytes(uint64_t size)
      : bytes_(PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size))) {
    if (bytes_ == nullptr) throw py::error_already_set();
  }
  ~GrowingBytes() { Py_XDECREF(bytes_); }
  GrowingBytes(const GrowingBytes&) = delete;
  GrowingBytes& operator=(const GrowingBytes&) = delete;

  MutableBytes From(uint64_t start) const {
    auto* data = reinterpret_cast<std::byte*>(PyBytes_AS_STRING(bytes_));
    return {data + start, static_cast<size_t>(PyBytes_GET_SIZE(bytes_)) - start};
  }
  void Resize(uint64_t size) {
    if (_PyBytes_Resize(&bytes_, static_cast<Py_ssize_t>(size)) != 0) throw py::error_already_set();
  }
  py::bytes Take(uint64_t size) {
    if (size != From(0).size) Resize(size);
    return py::reinterpret_steal<py::bytes>(std::exchange(bytes_, nullptr));
  }

 private:
  PyObject* bytes_;
};

py::bytes Read(PyReader& self, uint64_t start, uint64_t size) {
  GrowingBytes out(size);
  const uint64_t got = WithoutGil(
      [&] { return self.reader->ReadAt(start, out.From(0), ReadKind::kAlone, Interruptible()); });
  return out.Take(got);
}

// The bytes arrive in the result. Where the size is not known, the first answer tells it.
py::bytes ReadRest(PyReader& self, uint64_t start) {
  GrowingBytes out(self.reader->PredictedRest(start));
  uint64_t got = 0;
  while (true) {
    const MutableBytes room = out.From(got);
    got += WithoutGil(
        [&] { return self.reader->ReadAt(start + got, room, ReadKind::kRest, Interruptible()); });
    if (got < out.From(0).size) break;
    const uint64_t rest = self.reader->PredictedRest(start + got);
    if (rest == 0) break;
    out.Resize(got + rest);
  }
  return out.Take(got);
}

Buffer View(PyReader& self, uint64_t start, uint64_t size) {
  Fetched view = WithoutGil([&] { return self.reader->ViewAt(start, size, Interruptible()); });
  return {std::move(view.slab), view.offset, view.size};
}

void WillNeed(PyReader& self, const py::iterable& ranges) {
  std::vector<ByteRange> wanted;
  for (const py::handle range : ranges) {
    const auto one = RangeFrom(py::reinterpret_borrow<py::object>(range));
    if (!one || !one->end) throw py::value_error("every range needs a start and an end");
    wanted.push_back(*one);
  }
  WithoutGil([&] { return self.reader->WillNeed(wanted, Interruptible()); });
}

}  // namespace

void BindReader(py::module_& module) {
  using namespace pybind11::literals;  // NOLINT(google-build-using-namespace): pybind11's own idiom
  py::class_<PyReader>(module, "Reader")
      .def(py::init(&Open), "client"_a, "url"_a, "size"_a, "etag"_a, "version_id"_a, "access"_a,
           "readahead"_a, "follow"_a)
      .def(
          "readinto",
          [](PyReader& self, uint64_t start, const py::object& buffer) {
            return ReadInto(self, start, buffer, ReadKind::kNext);
          },
          "start"_a, "buffer"_a)
      .def(
          "pread_into",
          [](PyReader& self, uint64_t start, const py::object& buffer) {
            return ReadInto(self, start, buffer, ReadKind::kAlone);
          },
          "start"_a, "buffer"_a)
      .def("pread", &Read, "start"_a, "size"_a)
      .def("read_rest", &ReadRest, "start"_a)
      .def("view", &View, "start"_a, "size"_a)
      .def("will_need", &WillNeed, "ranges"_a)
      .def("pins",
           [](const PyReader& self) {
             py::dict pins;
             const std::optional<ObjectInfo> pinned = self.reader->Pinned();
             if (pinned) {
               pins["size"] = pinned->size;
               pins["etag"] = pinned->etag;
             }
             return pins;
           })
      .def("size",
           [](PyReader& self) {
             return WithoutGil([&] { return self.reader->Size(Interruptible()); });
           })
      .def("info", [](PyReader& self) {
        return MakeInfo(WithoutGil([&] { return self.reader->Info(Interruptible()); }),
                        self.bucket);
      });
}

}  // namespace s3native::python
