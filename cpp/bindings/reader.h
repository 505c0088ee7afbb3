// s3native._core.Reader: one object, read piece by piece. Below the file objects of Python.
// Thread-safety: as Reader; all calls release the GIL while they wait. Ownership: keeps the client.
#pragma once

#include <pybind11/pybind11.h>

namespace s3native::python {

void BindReader(pybind11::module_& module);

}  // namespace s3native::python
