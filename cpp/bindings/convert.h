// Errors, URLs, ranges and waits between C++ and Python.
// Thread-safety: with the GIL held unless said otherwise. Ownership: values.
#pragma once

#include <pybind11/pybind11.h>

#include <optional>
#include <string>

#include "gil.h"
#include "s3native/client.h"

namespace s3native::python {

namespace py = pybind11;

// The exception that stands for `error`: s3native.errors decides the class.
py::object MakeException(const Error& error);
// Raises it; or what a signal handler raised meanwhile, such as KeyboardInterrupt.
[[noreturn]] void Raise(const Error& error);

template <typename T>
T Unwrap(Result<T> result) {
  if (!result.ok()) Raise(result.error());
  if (PyErr_Occurred() != nullptr) throw py::error_already_set();
  return std::move(result).value();
}

// Calls `work` without the GIL and returns its value or raises its error.
template <typename Work>
auto WithoutGil(Work&& work) {
  auto result = [&] {
    const ReleaseGil released;
    return work();
  }();
  return Unwrap(std::move(result));
}

// Lets Ctrl-C end a wait: takes the GIL and runs pending signal handlers. Or cancel_calls does.
CallOptions Interruptible();

S3Url ObjectUrl(const std::string& url);
// (start, end), with end None for "to the end". Negative numbers are refused.
std::optional<ByteRange> RangeFrom(const py::object& range);
// A number that is not negative; raises TypeError, ValueError or OverflowError.
uint64_t UnsignedFrom(const py::object& number);

void BindErrors(py::module_& module);

}  // namespace s3native::python
