// s3native._core.scan_folder: the files of a folder as tuples.
// Thread-safety: releases the GIL while it looks. Ownership: values.
#pragma once

#include <pybind11/pybind11.h>

namespace s3native::python {

namespace py = pybind11;

void BindScanFolder(py::module_& module);

}  // namespace s3native::python
