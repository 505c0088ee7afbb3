#include "s3native/tensorflow.h"

#include "convert.h"
#include "tensorflow.h"

namespace s3native::python {

void BindTensorflow(py::module_& module) {
  module.def("use_for_tensorflow", &tensorflow::UseClient, py::arg("client").none(true));
  module.def("keep_listings", &tensorflow::KeepListings, py::arg("keep_ms"));
  module.def("publish_flushed", [] { WithoutGil([] { return tensorflow::PublishAllFlushed(); }); });
}

}  // namespace s3native::python
