// s3native._core.Writer: one object, written piece by piece. Below the file objects of Python.
// Thread-safety: as Writer; all calls release the GIL. Ownership: keeps the client.
#pragma once

#include <pybind11/pybind11.h>

namespace s3native::python {

void BindWriter(pybind11::module_& module);

}  // namespace s3native::python
