// s3native._core.Cursor: an io.BufferedIOBase that reads. It is written against the CPython API,
// since a call through pybind11 costs more than a small read. s3native.file makes of it what users
// see.
// Thread-safety: with the GIL. Ownership: an object owns its cursor.
#pragma once

#include <pybind11/pybind11.h>

namespace s3native::python {

void BindCursor(pybind11::module_& module);

}  // namespace s3native::python
