#include "reader.h"

#include <pybind11/stl.h>

#include "buffer.h"
#include "convert.h"
#include "objects.h"
#include "s3native/reader.h"

namespace s3native::python {
namespace {

Access AccessFrom(const std::string& name) {
  if (name == "auto") return Access::kAuto;
  if (name == "sequential") return Access::kSequential;
  if (name == "random") return Access::kRandom;
  throw py::value_error("access must be \"auto\", \"sequential\" or \"random\", not " +
                        py::repr(py::str(name)).cast<std::string>());
}

PyReader OpenReader(std::shared_ptr<Client> client, const std::string& url,
                    std::optional<uint64_t> size, const std::string& etag,
                    const std::string& version_id, const std::string& access,
                    std::optional<uint64_t> readahead, bool follow) {
  const S3Url parsed = ObjectUrl(url);
  ReaderOptions options{size, etag, version_id, AccessFrom(access), readahead, follow};
  std::unique_ptr<Reader> reader = Unwrap(client->OpenReader(parsed, std::move(options)));
  return {std::move(client), parsed.bucket, std::move(reader)};
}

uint64_t PreadInto(PyReader& self, uint64_t start, const py::object& buffer) {
  const BorrowedBuffer borrowed(buffer, true, "buffer");
  return WithoutGil([&] {
    return self.reader->ReadAt(start, borrowed.writable(), ReadKind::kAlone, Interruptible());
  });
}

py::bytes Pread(PyReader& self, uint64_t start, uint64_t size) {
  GrowingBytes out(size);
  const uint64_t got = WithoutGil(
      [&] { return self.reader->ReadAt(start, out.From(0), ReadKind::kAlone, Interruptible()); });
  return out.Take(got);
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

GrowingBytes::GrowingBytes(uint64_t size)
    : bytes_(PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size))) {
  if (bytes_ == nullptr) throw py::error_already_set();
}

void GrowingBytes::Resize(uint64_t size) {
  if (_PyBytes_Resize(&bytes_, static_cast<Py_ssize_t>(size)) != 0) throw py::error_already_set();
}

py::bytes GrowingBytes::Take(uint64_t size) {
  if (size != this->size()) Resize(size);
  return py::reinterpret_steal<py::bytes>(std::exchange(bytes_, nullptr));
}

uint64_t ReadRest(Reader& reader, uint64_t start, GrowingBytes* out, uint64_t got) {
  const uint64_t before = got;
  while (got < out->size()) {
    const MutableBytes room = out->From(got);
    const uint64_t from = start + got - before;
    got += WithoutGil([&] { return reader.ReadAt(from, room, ReadKind::kRest, Interruptible()); });
    if (got < out->size()) break;
    out->Resize(got + reader.PredictedRest(start + got - before));
  }
  return got;
}

void BindReader(py::module_& module) {
  using namespace pybind11::literals;  // NOLINT(google-build-using-namespace): pybind11's own idiom
  py::class_<PyReader>(module, "Reader")
      .def(py::init(&OpenReader), "client"_a, "url"_a, "size"_a, "etag"_a, "version_id"_a,
           "access"_a, "readahead"_a, "follow"_a)
      .def("pread_into", &PreadInto, "start"_a, "buffer"_a)
      .def("pread", &Pread, "start"_a, "size"_a)
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
