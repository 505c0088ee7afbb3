// s3native._core.Cursor: an io.BufferedIOBase that reads. Small reads and lines are answered out of
// the engine's memory without leaving this file; it is written against the CPython API, since a
// call through pybind11 costs more than such a read. s3native.file makes of it what users see.
//
// Thread-safety: with the GIL; threads that find the cursor waiting for bytes wait for their turn.
// Ownership: keeps the reader, and the memory it reads from.
#pragma once

#include <pybind11/pybind11.h>

namespace s3native::python {

void BindCursor(pybind11::module_& module);

}  // namespace s3native::python
