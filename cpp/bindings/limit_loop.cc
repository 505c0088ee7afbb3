#include "limit_loop.h"

#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "convert.h"
#include "gil.h"
#include "s3native/limit_loop.h"

namespace s3native::python {
namespace {

// The request's head, whether it sends, whether the response has a body; offset, size in memory.
using Request = std::tuple<std::string, bool, bool, uint64_t, uint64_t>;

std::unique_ptr<LimitLoop> Make(const std::string& host, uint16_t port, bool tls,
                                const std::string& ca_bundle, unsigned threads,
                                const std::vector<Request>& given) {
  std::vector<LimitRequest> requests;
  requests.reserve(given.size());
  for (const auto& [head, sends, has_body, offset, size] : given)
    requests.push_back({head, sends, has_body, offset, size});
  return Unwrap(LimitLoop::Create({host, port, tls, ca_bundle}, threads, std::move(requests)));
}

py::tuple Run(LimitLoop& loop) {
  LimitRound round;
  {
    const ReleaseGil released;
    round = loop.Run();
  }
  return py::make_tuple(round.seconds, std::move(round.latencies_us), std::move(round.statuses));
}

}  // namespace

void BindLimitLoop(py::module_& module) {
  using namespace pybind11::literals;  // NOLINT(google-build-using-namespace): pybind11's own idiom
  py::class_<LimitLoop>(module, "LimitLoop")
      .def(py::init(&Make), "host"_a, "port"_a, "tls"_a, "ca_bundle"_a, "threads"_a, "requests"_a)
      .def("run", &Run);
}

}  // namespace s3native::python
