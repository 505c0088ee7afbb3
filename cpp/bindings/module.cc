// The extension module s3native._core.
#include <pybind11/pybind11.h>

#include "buffer.h"
#include "client.h"
#include "convert.h"
#include "cursor_type.h"
#include "events.h"
#include "get_many.h"
#include "limit_loop.h"
#include "objects.h"
#include "scan_folder.h"
#include "tensorflow.h"
#include "writer.h"

PYBIND11_MODULE(_core, module) {
  module.attr("__version__") = S3NATIVE_VERSION;
  s3native::python::BindErrors(module);
  s3native::python::BindBuffer(module);
  s3native::python::BindObjects(module);
  s3native::python::BindGetMany(module);
  s3native::python::BindClient(module);
  s3native::python::BindCursor(module);
  s3native::python::BindWriter(module);
  s3native::python::BindEvents(module);
  s3native::python::BindScanFolder(module);
  s3native::python::BindLimitLoop(module);
  s3native::python::BindTensorflow(module);
}
