// Keyword arguments of s3native.Client as ConfigOptions, and the resolved Config as a dict.
// Thread-safety: with the GIL held. Ownership: a credentials function is kept alive by the options
// made from it.
#pragma once

#include <pybind11/pybind11.h>

#include "s3native/config.h"
#include "s3native/object_store.h"
#include "s3native/reader.h"

namespace s3native::python {

namespace py = pybind11;

ConfigOptions ConfigOptionsFrom(const py::dict& options);
// field -> (value, source), secrets masked.
py::dict DescribeConfig(const Config& config);
// size, etag, access, ... as s3native.Client.open takes them; None for the defaults.
ReaderOptions ReaderOptionsFrom(const py::object& options);
// metadata, content_type, if_none_match, ... as s3native.Client.put takes them.
PutOptions PutOptionsFrom(const py::dict& options);

}  // namespace s3native::python
