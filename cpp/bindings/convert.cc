#include "convert.h"

#include <atomic>

namespace s3native::python {
namespace {

// s3native.errors.from_engine; lives as long as the interpreter.
PyObject* g_error_factory = nullptr;

std::atomic<bool> calls_cancelled{false};

uint64_t Offset(const py::handle& value, const char* what) {
  if (!py::isinstance<py::int_>(value)) {
    throw py::type_error(std::string(what) + " of range must be an int, not " +
                         Py_TYPE(value.ptr())->tp_name);
  }
  const long long number = PyLong_AsLongLong(value.ptr());
  if (number == -1 && PyErr_Occurred() != nullptr) throw py::error_already_set();
  if (number < 0)
    throw py::value_error(std::string(what) +
                          " of range must not be negative: " + std::to_string(number));
  return static_cast<uint64_t>(number);
}

}  // namespace

py::object MakeException(const Error& error) {
  py::dict attributes;
  attributes["operation"] = error.operation;
  attributes["bucket"] = error.bucket;
  attributes["key"] = error.key;
  attributes["range"] = error.range;
  attributes["http_status"] = error.http_status;
  attributes["s3_code"] = error.s3_code;
  attributes["request_id"] = error.request_id;
  attributes["crt_code"] = error.crt_code;
  attributes["attempts"] = error.attempts;
  attributes["retryable"] = error.retryable;
  return py::handle(g_error_factory)(ErrorCodeName(error.code), error.message, attributes);
}

void Raise(const Error& error) {
  if (PyErr_Occurred() == nullptr) {
    const py::object exception = MakeException(error);
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception.ptr())), exception.ptr());
  }
  throw py::error_already_set();
}

CallOptions Interruptible() {
  return {[] {
    if (calls_cancelled) return true;
    const AcquireGil acquired;
    return PyErr_CheckSignals() != 0;
  }};
}

S3Url ObjectUrl(const std::string& url) { return Unwrap(ParseObjectUrl(url)); }

std::optional<ByteRange> RangeFrom(const py::object& range) {
  if (range.is_none()) return std::nullopt;
  if (!py::isinstance<py::sequence>(range) || py::len(range) != 2) {
    throw py::type_error("range must be a pair (start, end), not " +
                         py::repr(range).cast<std::string>());
  }
  const py::object end = range[py::int_(1)];
  ByteRange parsed{Offset(range[py::int_(0)], "start"), std::nullopt};
  if (!end.is_none()) parsed.end = Offset(end, "end");
  if (parsed.end && *parsed.end < parsed.start) {
    throw py::value_error("range ends before it starts: " + parsed.ToString());
  }
  return parsed;
}

uint64_t UnsignedFrom(const py::object& number) {
  const Py_ssize_t value = PyNumber_AsSsize_t(number.ptr(), PyExc_OverflowError);
  if (value == -1 && PyErr_Occurred() != nullptr) throw py::error_already_set();
  if (value < 0) throw py::value_error("must not be negative: " + std::to_string(value));
  return static_cast<uint64_t>(value);
}

void BindErrors(py::module_& module) {
  module.def("_set_error_factory", [](const py::object& factory) {
    Py_XDECREF(g_error_factory);
    g_error_factory = factory.inc_ref().ptr();
  });
  module.def(
      "cancel_calls", [](bool cancel) { calls_cancelled = cancel; }, py::arg("cancel"),
      "Ends all calls that wait, in whatever thread, with RequestCancelledError, until it is "
      "called "
      "with False.");
}

}  // namespace s3native::python
