#include "writer.h"

#include <pybind11/stl.h>

#include "buffer.h"
#include "convert.h"
#include "objects.h"
#include "options.h"
#include "s3native/writer.h"

namespace s3native::python {
namespace {

class PyWriter {
 public:
  PyWriter(std::shared_ptr<Client> client, std::unique_ptr<Writer> writer)
      : client_(std::move(client)), writer_(std::move(writer)) {}
  PyWriter(PyWriter&&) = default;
  ~PyWriter() {
    if (!writer_) return;
    const ReleaseGil released;  // an abort waits for the server
    writer_.reset();
  }

  size_t Write(const py::object& data) {
    const BorrowedBuffer borrowed(data, false, "data");
    const ConstBytes bytes = borrowed.readable();
    WithoutGil([&] { return writer_->Write(bytes, Interruptible()); });
    size_ += bytes.size;
    return bytes.size;
  }
  uint64_t Tell() const { return size_; }
  py::dict Close() {
    return DescribePut(WithoutGil([&] { return writer_->Close(Interruptible()); }));
  }
  void Abort() {
    const ReleaseGil released;
    writer_->Abort();
  }

 private:
  std::shared_ptr<Client> client_;
  std::unique_ptr<Writer> writer_;
  uint64_t size_ = 0;
};

PyWriter OpenWriter(std::shared_ptr<Client> client, const std::string& url, const py::dict& object,
                    uint64_t part_size, std::optional<bool> checksum) {
  auto writer =
      Unwrap(client->OpenWriter(ObjectUrl(url), {PutOptionsFrom(object), part_size, checksum}));
  return {std::move(client), std::move(writer)};
}

}  // namespace

void BindWriter(py::module_& module) {
  using namespace pybind11::literals;  // NOLINT(google-build-using-namespace): pybind11's own idiom
  py::class_<PyWriter>(module, "Writer")
      .def(py::init(&OpenWriter), "client"_a, "url"_a, "object"_a, "part_size"_a, "checksum"_a)
      .def("write", &PyWriter::Write, "data"_a)
      .def("tell", &PyWriter::Tell)
      .def("close", &PyWriter::Close)
      .def("abort", &PyWriter::Abort);
}

}  // namespace s3native::python
