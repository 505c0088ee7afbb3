// What s3native.tensorflow needs of the plugin in this module.
#pragma once

#include <pybind11/pybind11.h>

namespace s3native::python {

void BindTensorflow(pybind11::module_& module);

}  // namespace s3native::python
