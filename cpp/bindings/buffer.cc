#include "buffer.h"

#include <string>

#include "gil.h"
#include "s3native/checksums.h"

namespace s3native::python {
namespace {

int GetBuffer(PyObject* self, Py_buffer* view, int flags) {
  static char empty;
  const Buffer& buffer = py::handle(self).cast<const Buffer&>();
  void* data = buffer.size != 0 ? static_cast<void*>(buffer.data()) : &empty;
  return PyBuffer_FillInfo(view, self, data, static_cast<Py_ssize_t>(buffer.size), 0, flags);
}

void SetupBufferType(PyHeapTypeObject* type) {
  type->as_buffer.bf_getbuffer = GetBuffer;
  type->as_buffer.bf_releasebuffer = nullptr;
  type->ht_type.tp_as_buffer = &type->as_buffer;
}

}  // namespace

BorrowedBuffer::BorrowedBuffer(py::handle object, bool writable, const char* argument) {
  if (PyObject_CheckBuffer(object.ptr()) == 0) {
    throw py::type_error(std::string(argument) +
                         " must support the buffer protocol (bytes, bytearray, memoryview, " +
                         "mmap, numpy array, ...), not " + Py_TYPE(object.ptr())->tp_name);
  }
  const int flags = PyBUF_C_CONTIGUOUS | (writable ? PyBUF_WRITABLE : 0);
  if (PyObject_GetBuffer(object.ptr(), &view_, flags) == 0) return;
  py::error_already_set cause;
  throw py::value_error(std::string(argument) + " must be " + (writable ? "writable and " : "") +
                        "C-contiguous: " + py::str(cause.value()).cast<std::string>());
}

BorrowedBuffer::~BorrowedBuffer() { PyBuffer_Release(&view_); }

py::object BorrowedBuffer::View(size_t start, size_t size) const {
  const auto whole = py::memoryview(py::reinterpret_borrow<py::object>(view_.obj));
  if (view_.len == 0) return whole;  // which cast refuses
  const auto first = static_cast<Py_ssize_t>(start);
  return whole.attr("cast")("B")[py::slice(first, first + static_cast<Py_ssize_t>(size), 1)];
}

void BindBuffer(py::module_& module) {
  py::class_<Buffer>(module, "Buffer", py::custom_type_setup(SetupBufferType))
      .def("__len__", [](const Buffer& buffer) { return buffer.size; })
      .def("__bytes__",
           [](const Buffer& buffer) {
             return py::bytes(reinterpret_cast<const char*>(buffer.data()), buffer.size);
           })
      .def_property_readonly(
          "pinned", [](const Buffer& buffer) { return buffer.slab && buffer.slab->page_locked(); })
      .def("__repr__", [](const Buffer& buffer) {
        return "<s3native.Buffer of " + std::to_string(buffer.size) + " bytes>";
      });
  module.def(
      "crc64nvme",
      [](const py::object& data, uint64_t previous) {
        const BorrowedBuffer borrowed(data, false, "data");
        const ReleaseGil released;
        return Crc64Nvme(borrowed.readable().data, borrowed.readable().size, previous);
      },
      py::arg("data"), py::arg("previous") = 0);
  module.def("combine_crc64nvme", &CombineCrc64Nvme, py::arg("crc_a"), py::arg("crc_b"),
             py::arg("size_b"));
}

}  // namespace s3native::python
