// The iterator behind Client.get_many.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>

#include "s3native/client.h"

namespace s3native::python {

namespace py = pybind11;

// `into` is None or a writable buffer that the items fill one after the other.
py::object MakeGetMany(std::shared_ptr<Client> client, const py::object& requests, bool ordered,
                       size_t concurrency, const py::object& into);
void BindGetMany(py::module_& module);

}  // namespace s3native::python
