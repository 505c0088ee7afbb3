// ObjectInfo and ListPage as Python sees them.
// Thread-safety: with the GIL held. Ownership: values; the bucket's name is shared by a page's
// objects.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <string>

#include "s3native/object_store.h"

namespace s3native::python {

namespace py = pybind11;

struct PyObjectInfo {
  ObjectInfo info;
  std::shared_ptr<const std::string> bucket;
};

PyObjectInfo MakeInfo(ObjectInfo info, const std::string& bucket);
// A datetime in UTC, or None for 0.
py::object TimeFromMs(int64_t unix_ms);
// As keyword arguments of Python's PutResult.
py::dict DescribePut(const PutResult& result);

void BindObjects(py::module_& module);

}  // namespace s3native::python
