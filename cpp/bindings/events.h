// Log lines and request records for Python.
// Thread-safety: under the GIL. Ownership: none kept.
#pragma once

#include <pybind11/pybind11.h>

namespace s3native::python {

void BindEvents(pybind11::module_& module);

}  // namespace s3native::python
