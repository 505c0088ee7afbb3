#include "client.h"

#include <pybind11/stl.h>

#include <cerrno>

#include "buffer.h"
#include "convert.h"
#include "get_many.h"
#include "objects.h"
#include "options.h"

namespace s3native::python {
namespace {

using ClientPtr = std::shared_ptr<Client>;

FetchOptions FetchFrom(const py::object& range, const std::string& if_match,
                       const std::string& version_id) {
  return {RangeFrom(range), if_match, version_id};
}

Buffer Get(const Client& self, const std::string& url, const py::object& range,
           const std::string& if_match, const std::string& version_id) {
  const S3Url parsed = ObjectUrl(url);
  const FetchOptions options = FetchFrom(range, if_match, version_id);
  Fetched fetched = WithoutGil([&] { return self.Get(parsed, options, Interruptible()); });
  return {std::move(fetched.slab), fetched.offset, fetched.size};
}

uint64_t GetInto(const Client& self, const std::string& url, const py::object& buffer,
                 const py::object& range, const std::string& if_match,
                 const std::string& version_id) {
  const S3Url parsed = ObjectUrl(url);
  const FetchOptions options = FetchFrom(range, if_match, version_id);
  const BorrowedBuffer borrowed(buffer, true, "buffer");
  return WithoutGil(
             [&] { return self.GetInto(parsed, borrowed.writable(), options, Interruptible()); })
      .received;
}

uint64_t GetIntoFile(const Client& self, const std::string& url, int descriptor,
                     const py::object& range, const std::string& if_match, bool checksum) {
  const S3Url parsed = ObjectUrl(url);
  const std::optional<ByteRange> wanted = RangeFrom(range);
  if (!wanted) throw py::value_error("a range is needed");
  const FiledRange filed = WithoutGil([&] {
    return self.GetIntoFile(parsed, descriptor, *wanted, if_match, checksum, Interruptible());
  });
  if (filed.file_error != 0) {
    errno = filed.file_error;
    PyErr_SetFromErrno(PyExc_OSError);
    throw py::error_already_set();
  }
  return filed.crc64nvme;
}

std::vector<Buffer> GetRanges(const Client& self, const std::string& url,
                              const py::sequence& ranges, uint64_t coalesce_gap,
                              const std::string& if_match, const std::string& version_id) {
  const S3Url parsed = ObjectUrl(url);
  std::vector<ByteRange> wanted;
  for (const py::handle range : ranges) {
    std::optional<ByteRange> one = RangeFrom(py::reinterpret_borrow<py::object>(range));
    if (!one || !one->end)
      throw py::value_error("every range of get_ranges needs a start and an end");
    wanted.push_back(*one);
  }
  const FetchOptions options = FetchFrom(py::none(), if_match, version_id);
  std::vector<Fetched> pieces = WithoutGil(
      [&] { return self.GetRanges(parsed, wanted, coalesce_gap, options, Interruptible()); });
  std::vector<Buffer> buffers;
  buffers.reserve(pieces.size());
  for (Fetched& piece : pieces)
    buffers.push_back({std::move(piece.slab), piece.offset, piece.size});
  return buffers;
}

py::dict Put(const Client& self, const std::string& url, const py::object& data,
             const py::dict& object, uint64_t part_size, std::optional<bool> checksum) {
  const S3Url parsed = ObjectUrl(url);
  const UploadOptions options{PutOptionsFrom(object), part_size, checksum};
  const BorrowedBuffer borrowed(data, false, "data");
  return DescribePut(
      WithoutGil([&] { return self.Put(parsed, borrowed.readable(), options, Interruptible()); }));
}

py::tuple List(const Client& self, const std::string& bucket, const std::string& prefix,
               const std::string& delimiter, const std::string& start_after,
               const std::string& token, int max_keys) {
  ListRequest request{bucket, prefix, delimiter, start_after, token, max_keys};
  ListPage page = WithoutGil([&] { return self.List(request, Interruptible()); });
  const auto shared_bucket = std::make_shared<const std::string>(bucket);
  py::list objects(page.objects.size());
  for (size_t i = 0; i < page.objects.size(); ++i) {
    objects[i] = py::cast(PyObjectInfo{std::move(page.objects[i]), shared_bucket});
  }
  return py::make_tuple(objects, page.prefixes, page.next_token);
}

// (key without the prefix, size, seconds of the last change): of millions, an ObjectInfo each is
// what costs.
py::tuple ListPlain(const Client& self, const std::string& bucket, const std::string& prefix,
                    const std::string& token) {
  ListRequest request{bucket, prefix, "", "", token};
  const ListPage page = WithoutGil([&] { return self.List(request, Interruptible()); });
  py::list entries(page.objects.size());
  for (size_t i = 0; i < page.objects.size(); ++i) {
    const ObjectInfo& info = page.objects[i];
    const std::string_view name =
        std::string_view(info.key).substr(std::min(info.key.size(), prefix.size()));
    py::tuple entry(3);
    entry[0] = py::str(name.data(), name.size());
    entry[1] = py::int_(info.size);
    entry[2] = py::float_(static_cast<double>(info.last_modified_ms) / 1000);
    entries[i] = std::move(entry);
  }
  return py::make_tuple(entries, page.next_token);
}

py::list DeleteMany(const Client& self, const std::vector<std::string>& urls) {
  std::vector<S3Url> parsed;
  parsed.reserve(urls.size());
  for (const std::string& url : urls) parsed.push_back(ObjectUrl(url));
  const auto failed = WithoutGil([&] { return self.DeleteMany(parsed, Interruptible()); });
  py::list out;
  for (const auto& [url, error] : failed)
    out.append(py::make_tuple(url.ToString(), MakeException(error)));
  return out;
}

py::dict Copy(const Client& self, const std::string& source, const std::string& destination,
              const py::dict& object, bool replace_metadata, const std::string& source_etag,
              const std::string& source_version_id) {
  CopyRequest request{ObjectUrl(source),      source_etag,
                      source_version_id,      ObjectUrl(destination),
                      PutOptionsFrom(object), replace_metadata};
  return DescribePut(WithoutGil([&] { return self.Copy(request, Interruptible()); }));
}

py::list ListBuckets(const Client& self) {
  py::list out;
  for (const BucketInfo& bucket : WithoutGil([&] { return self.ListBuckets(Interruptible()); })) {
    out.append(py::make_tuple(bucket.name, TimeFromMs(bucket.created_ms)));
  }
  return out;
}

py::dict Stats() {
  py::dict stats;
  for (const auto& [name, value] : CollectStats()) stats[py::str(name)] = value;
  return stats;
}

}  // namespace

void BindClient(py::module_& module) {
  using namespace pybind11::literals;  // NOLINT(google-build-using-namespace): pybind11's own idiom
  py::class_<Client, ClientPtr>(module, "Client")
      .def(py::init([](const py::dict& options) {
             const ConfigOptions parsed = ConfigOptionsFrom(options);
             return WithoutGil([&] { return Client::Create(parsed); });
           }),
           "options"_a)
      .def("config", [](const Client& self) { return DescribeConfig(self.config()); })
      .def(
          "head",
          [](const Client& self, const std::string& url, const std::string& version_id) {
            const S3Url parsed = ObjectUrl(url);
            return MakeInfo(
                WithoutGil([&] { return self.Head(parsed, version_id, Interruptible()); }),
                parsed.bucket);
          },
          "url"_a, "version_id"_a)
      .def("get", &Get, "url"_a, "range"_a, "if_match"_a, "version_id"_a)
      .def("get_into", &GetInto, "url"_a, "buffer"_a, "range"_a, "if_match"_a, "version_id"_a)
      .def("get_into_file", &GetIntoFile, "url"_a, "descriptor"_a, "range"_a, "if_match"_a,
           "checksum"_a)
      .def("get_ranges", &GetRanges, "url"_a, "ranges"_a, "coalesce_gap"_a, "if_match"_a,
           "version_id"_a)
      .def("get_many", &MakeGetMany, "requests"_a, "ordered"_a, "concurrency"_a, "into"_a)
      .def("put", &Put, "url"_a, "data"_a, "object"_a, "part_size"_a, "checksum"_a)
      .def("list", &List, "bucket"_a, "prefix"_a, "delimiter"_a, "start_after"_a, "token"_a,
           "max_keys"_a)
      .def("list_plain", &ListPlain, "bucket"_a, "prefix"_a, "token"_a)
      .def(
          "delete",
          [](const Client& self, const std::string& url, const std::string& version_id) {
            const S3Url parsed = ObjectUrl(url);
            WithoutGil([&] { return self.Delete(parsed, version_id, Interruptible()); });
          },
          "url"_a, "version_id"_a)
      .def("delete_many", &DeleteMany, "urls"_a)
      .def("copy", &Copy, "source"_a, "destination"_a, "object"_a, "replace_metadata"_a,
           "source_etag"_a, "source_version_id"_a)
      .def(
          "create_bucket",
          [](const Client& self, const std::string& bucket) {
            WithoutGil([&] { return self.CreateBucket(bucket, Interruptible()); });
          },
          "bucket"_a)
      .def(
          "delete_bucket",
          [](const Client& self, const std::string& bucket) {
            WithoutGil([&] { return self.DeleteBucket(bucket, Interruptible()); });
          },
          "bucket"_a)
      .def("list_buckets", &ListBuckets)
      .def(
          "abort_stale_uploads",
          [](const Client& self, const std::string& prefix, int64_t older_than_ms) {
            const S3Url parsed = Unwrap(ParseS3Url(prefix));
            return WithoutGil(
                [&] { return self.AbortStaleUploads(parsed, older_than_ms, Interruptible()); });
          },
          "prefix"_a, "older_than_ms"_a)
      .def(
          "presign",
          [](const Client& self, const std::string& url, const std::string& method,
             uint32_t expires, std::map<std::string, std::string> query) {
            const PresignRequest request{Unwrap(ParseS3Url(url)), method, std::move(query),
                                         expires};
            return WithoutGil([&] { return self.Presign(request); });
          },
          "url"_a, "method"_a, "expires"_a, "query"_a);
  module.def("stats", &Stats);
  module.def("parse_url", [](const std::string& url) {
    const S3Url parsed = Unwrap(ParseS3Url(url));
    return py::make_tuple(parsed.bucket, parsed.key);
  });
}

}  // namespace s3native::python
