#include "scan_folder.h"

#include <cerrno>

#include "gil.h"
#include "s3native/scan_folder.h"

namespace s3native::python {
namespace {

constexpr int kFolder = -1;
constexpr int kLinkedFolder = -2;
constexpr int kOther = -3;

py::str FileName(const std::string& name) {
  PyObject* text =
      PyUnicode_DecodeFSDefaultAndSize(name.data(), static_cast<Py_ssize_t>(name.size()));
  if (text == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::str>(text);
}

py::tuple Described(const FolderEntry& entry, const std::string& prefix) {
  using Kind = FolderEntry::Kind;
  const py::str name = FileName(prefix + entry.name);
  if (entry.error != 0) return py::make_tuple(name, kOther, entry.error);
  if (entry.kind == Kind::kFolder)
    return py::make_tuple(name, entry.is_link ? kLinkedFolder : kFolder, 0);
  if (entry.kind == Kind::kOther) return py::make_tuple(name, kOther, 0);
  return py::make_tuple(name, entry.size, static_cast<double>(entry.mtime_ns) / 1e9);
}

// Regular files as (prefix + name, size, seconds of the last change); what is none has one of the
// constants above for its size, and errno for its time.
py::list Scan(const py::bytes& path, const py::bytes& prefix, bool follow) {
  const std::string folder = path;
  std::vector<FolderEntry> entries;
  int error = 0;
  {
    const ReleaseGil released;
    error = ScanFolder(folder, &entries);
  }
  if (error != 0) {
    errno = error;
    PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, FileName(folder).ptr());
    throw py::error_already_set();
  }
  py::list out;
  for (const FolderEntry& entry : entries) {
    if (follow || !entry.is_link) out.append(Described(entry, prefix));
  }
  return out;
}

}  // namespace

void BindScanFolder(py::module_& module) {
  using namespace pybind11::literals;  // NOLINT(google-build-using-namespace): pybind11's own idiom
  module.def("scan_folder", &Scan, "path"_a, "prefix"_a, "follow"_a);
  module.attr("FOLDER") = kFolder;
  module.attr("LINKED_FOLDER") = kLinkedFolder;
}

}  // namespace s3native::python
