#include "events.h"

#include "gil.h"
#include "s3native/events.h"

namespace s3native::python {
namespace {

namespace py = pybind11;

// As bytes: keys need not be UTF-8.
py::object Convert(const LogLine& line) {
  return py::make_tuple(static_cast<int>(line.level), py::bytes(line.text));
}

py::object Convert(const RequestRecord& record) {
  py::dict fields;
  fields["operation"] = record.operation;
  fields["bucket"] = record.bucket;
  fields["key"] = py::bytes(record.key);
  fields["range"] = record.range;
  fields["error"] = record.error;
  fields["http_status"] = record.http_status;
  fields["attempts"] = record.attempts;
  fields["bytes_received"] = record.bytes_received;
  fields["bytes_sent"] = record.bytes_sent;
  fields["first_byte_s"] = static_cast<double>(record.first_byte_us) / 1e6;
  fields["total_s"] = static_cast<double>(record.total_us) / 1e6;
  fields["connection"] = record.connection;
  fields["request_id"] = py::bytes(record.request_id);
  return fields;
}

py::list TakeEvents(double timeout_s) {
  std::vector<Event> events;
  {
    ReleaseGil released;
    events = GetEventQueue().Take(std::chrono::milliseconds(static_cast<int64_t>(timeout_s * 1e3)));
  }
  py::list converted;
  for (const Event& event : events)
    converted.append(std::visit([](const auto& found) { return Convert(found); }, event));
  return converted;
}

}  // namespace

void BindEvents(py::module_& module) {
  using namespace pybind11::literals;  // NOLINT(google-build-using-namespace): pybind11's own idiom
  module.def("take_events", &TakeEvents, "timeout_s"_a);
  module.def("wake_events", [] { GetEventQueue().Wake(); });
  module.def(
      "set_log_level", [](int level) { SetLogLevel(static_cast<LogLevel>(level)); }, "level"_a);
  module.def("set_record_requests", &SetRecordRequests, "wanted"_a);
}

}  // namespace s3native::python
