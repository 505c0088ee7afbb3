// s3native._core.LimitLoop: what benchmarks compare with.
// Thread-safety: one call at a time; releases the GIL while it runs. Ownership: values.
#pragma once

#include <pybind11/pybind11.h>

namespace s3native::python {

namespace py = pybind11;

void BindLimitLoop(py::module_& module);

}  // namespace s3native::python
