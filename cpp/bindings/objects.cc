#include "objects.h"

#include <pybind11/stl.h>

namespace s3native::python {
namespace {

py::tuple State(const PyObjectInfo& self) {
  const ObjectInfo& info = self.info;
  return py::make_tuple(*self.bucket, info.key, info.size, info.etag, info.last_modified_ms,
                        info.version_id, info.storage_class, info.content_type,
                        info.content_encoding, info.metadata, info.checksum_crc64nvme);
}

PyObjectInfo FromState(const py::tuple& state) {
  ObjectInfo info;
  info.key = state[1].cast<std::string>();
  info.size = state[2].cast<uint64_t>();
  info.etag = state[3].cast<std::string>();
  info.last_modified_ms = state[4].cast<int64_t>();
  info.version_id = state[5].cast<std::string>();
  info.storage_class = state[6].cast<std::string>();
  info.content_type = state[7].cast<std::string>();
  info.content_encoding = state[8].cast<std::string>();
  info.metadata = state[9].cast<std::map<std::string, std::string>>();
  info.checksum_crc64nvme = state[10].cast<std::string>();
  return MakeInfo(std::move(info), state[0].cast<std::string>());
}

std::string Url(const PyObjectInfo& self) { return "s3://" + *self.bucket + "/" + self.info.key; }

}  // namespace

PyObjectInfo MakeInfo(ObjectInfo info, const std::string& bucket) {
  return {std::move(info), std::make_shared<const std::string>(bucket)};
}

py::object TimeFromMs(int64_t unix_ms) {
  if (unix_ms == 0) return py::none();
  const py::module_ datetime = py::module_::import("datetime");
  return datetime.attr("datetime")
      .attr("fromtimestamp")(static_cast<double>(unix_ms) / 1000.0,
                             datetime.attr("timezone").attr("utc"));
}

py::dict DescribePut(const PutResult& result) {
  py::dict out;
  out["etag"] = result.etag;
  out["version_id"] = result.version_id;
  out["checksum_crc64nvme"] = result.checksum_crc64nvme;
  return out;
}

void BindObjects(py::module_& module) {
  py::class_<PyObjectInfo>(module, "ObjectInfo")
      .def_property_readonly("bucket", [](const PyObjectInfo& self) { return *self.bucket; })
      .def_property_readonly("key", [](const PyObjectInfo& self) { return self.info.key; })
      .def_property_readonly("url", &Url)
      .def_property_readonly("size", [](const PyObjectInfo& self) { return self.info.size; })
      .def_property_readonly("etag", [](const PyObjectInfo& self) { return self.info.etag; })
      .def_property_readonly(
          "last_modified",
          [](const PyObjectInfo& self) { return TimeFromMs(self.info.last_modified_ms); })
      .def_property_readonly("_last_modified_ms",
                             [](const PyObjectInfo& self) { return self.info.last_modified_ms; })
      .def_property_readonly("version_id",
                             [](const PyObjectInfo& self) { return self.info.version_id; })
      .def_property_readonly("storage_class",
                             [](const PyObjectInfo& self) { return self.info.storage_class; })
      .def_property_readonly("content_type",
                             [](const PyObjectInfo& self) { return self.info.content_type; })
      .def_property_readonly("content_encoding",
                             [](const PyObjectInfo& self) { return self.info.content_encoding; })
      .def_property_readonly("metadata",
                             [](const PyObjectInfo& self) { return self.info.metadata; })
      .def_property_readonly("checksum_crc64nvme",
                             [](const PyObjectInfo& self) { return self.info.checksum_crc64nvme; })
      .def("__eq__",
           [](const PyObjectInfo& self, const py::object& other) {
             return py::isinstance<PyObjectInfo>(other) &&
                    State(self).equal(State(other.cast<const PyObjectInfo&>()));
           })
      .def("__hash__",
           [](const PyObjectInfo& self) {
             return py::hash(py::make_tuple(Url(self), self.info.etag));
           })
      .def("__repr__",
           [](const PyObjectInfo& self) {
             return "<s3native.ObjectInfo " + Url(self) + ", " + std::to_string(self.info.size) +
                    " bytes>";
           })
      .def(py::pickle(&State, &FromState));
}

}  // namespace s3native::python
