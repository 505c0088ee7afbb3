#include "reader.h"

#include "buffer.h"
#include "convert.h"
#include "objects.h"
#include "options.h"

namespace s3native::python {

std::shared_ptr<PyReader> OpenReader(const py::object& client, const py::object& url,
                                     const py::object& options) {
  const auto engine = client.attr("_engine").cast<std::shared_ptr<Client>>();
  const S3Url parsed = ObjectUrl(url.cast<std::string>());
  std::unique_ptr<Reader> reader = Unwrap(engine->OpenReader(parsed, ReaderOptionsFrom(options)));
  return std::make_shared<PyReader>(PyReader{engine, parsed.bucket, std::move(reader)});
}

uint64_t PyReader::PreadInto(uint64_t start, const py::object& buffer) {
  const BorrowedBuffer borrowed(buffer, true, "buffer");
  return WithoutGil([&] {
    return reader->ReadAt(start, borrowed.writable(), ReadKind::kAlone, Interruptible());
  });
}

py::bytes PyReader::Pread(uint64_t start, uint64_t size) {
  GrowingBytes out(size);
  const uint64_t got = WithoutGil(
      [&] { return reader->ReadAt(start, out.From(0), ReadKind::kAlone, Interruptible()); });
  return out.Take(got);
}

void PyReader::WillNeed(const py::iterable& ranges) {
  std::vector<ByteRange> wanted;
  for (const py::handle range : ranges) {
    const auto one = RangeFrom(py::reinterpret_borrow<py::object>(range));
    if (!one || !one->end) throw py::value_error("every range needs a start and an end");
    wanted.push_back(*one);
  }
  WithoutGil([&] { return reader->WillNeed(wanted, Interruptible()); });
}

py::object PyReader::Info() {
  return py::cast(MakeInfo(WithoutGil([&] { return reader->Info(Interruptible()); }), bucket));
}

uint64_t PyReader::Size() {
  return WithoutGil([&] { return reader->Size(Interruptible()); });
}

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

}  // namespace s3native::python
