// _core.Client: one binding per operation, nothing else.
#pragma once

#include <pybind11/pybind11.h>

namespace s3native::python {

void BindClient(pybind11::module_& module);

}  // namespace s3native::python
