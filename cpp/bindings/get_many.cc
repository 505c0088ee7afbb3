#include "get_many.h"

#include <array>
#include <optional>
#include <unordered_map>

#include "buffer.h"
#include "convert.h"
#include "objects.h"

namespace s3native::python {
namespace {

// Python's garbage collector sees through objects of this class to what they refer to: whoever
// raises an item's error makes a cycle of it, its traceback and the item.
template <typename T>
void Collectable(PyHeapTypeObject* heap_type) {
  static constexpr auto value_of = [](PyObject* self) {
    auto* instance = reinterpret_cast<py::detail::instance*>(self);
    return static_cast<T*>(instance->get_value_and_holder().value_ptr());  // null at first
  };
  PyTypeObject* type = &heap_type->ht_type;
  type->tp_flags |= Py_TPFLAGS_HAVE_GC;
  type->tp_traverse = [](PyObject* self, visitproc visit, void* arg) -> int {
    Py_VISIT(Py_TYPE(self));
    if (T* value = value_of(self); value != nullptr) {
      for (const py::object* object : value->References()) Py_VISIT(object->ptr());
    }
    return 0;
  };
  type->tp_clear = [](PyObject* self) -> int {
    if (T* value = value_of(self); value != nullptr) value->Clear();
    return 0;
  };
}

// One result: data or error.
struct Item {
  size_t index = 0;
  py::object url;
  py::object data;   // Buffer, a memoryview of the caller's memory, or None
  py::object info;   // ObjectInfo or None
  py::object error;  // S3Error or None

  std::array<const py::object*, 2> References() const { return {&data, &error}; }
  void Clear() { data = error = py::none(); }
};

class GetManyIterator {
 public:
  GetManyIterator(std::shared_ptr<Client> client, py::iterator requests,
                  const GetManyOptions& options, const py::object& into)
      : client_(std::move(client)), requests_(std::move(requests)) {
    if (!into.is_none()) borrowed_ = std::make_unique<BorrowedBuffer>(into, true, "into");
    stream_ = client_->GetMany(options);
  }
  ~GetManyIterator() { Close(); }

  Item Next();
  void Close() {
    if (!stream_) return;
    const ReleaseGil released;  // waits for what is in flight
    stream_.reset();
  }
  std::array<const py::object*, 1> References() const { return {&requests_}; }
  void Clear() {
    exhausted_ = true;
    requests_ = {};
  }

 private:
  struct Pending {
    py::object url;
    std::string bucket;
    size_t offset = 0;                    // in `into`
    std::unique_ptr<BorrowedBuffer> own;  // the destination of this request alone
  };

  bool AddNext();
  GetManyRequest Parse(const py::object& request, Pending* pending);
  void Direct(GetManyRequest* parsed, MutableBytes room, const char* name) const;
  Item Convert(GetManyItem item);

  std::shared_ptr<Client> client_;
  py::iterator requests_;
  std::unique_ptr<BorrowedBuffer> borrowed_;
  std::unique_ptr<GetManyStream> stream_;
  std::unordered_map<size_t, Pending> pending_;
  size_t added_ = 0;
  size_t filled_ = 0;
  bool exhausted_ = false;
};

bool IsTuple(const py::object& object, size_t size) {
  return py::isinstance<py::tuple>(object) && py::len(object) == size;
}

// An ObjectInfo, or something like it.
bool IsKnownObject(const py::object& object) {
  return PyTuple_CheckExact(object.ptr()) == 0 && py::hasattr(object, "url") &&
         py::hasattr(object, "size");
}

GetManyRequest GetManyIterator::Parse(const py::object& request, Pending* pending) {
  GetManyRequest parsed;
  if (py::isinstance<py::str>(request)) {
    pending->url = request;
  } else if (IsKnownObject(request)) {
    pending->url = request.attr("url");
    parsed.expected_size = UnsignedFrom(request.attr("size"));
  } else if (IsTuple(request, 2) || IsTuple(request, 3)) {
    pending->url = request[py::int_(0)];
    parsed.range = RangeFrom(request[py::int_(1)]);
  } else {
    throw py::type_error(
        "a request of get_many must be a URL, an ObjectInfo, (URL, (start, end)) or (URL, (start, "
        "end), buffer), not " +
        py::repr(request).cast<std::string>());
  }
  if (!py::isinstance<py::str>(pending->url)) {
    throw py::type_error("the URL of a get_many request must be a str, not " +
                         py::repr(pending->url).cast<std::string>());
  }
  parsed.url = ObjectUrl(pending->url.cast<std::string>());
  if (parsed.range && IsTuple(request, 3)) {
    if (borrowed_) throw py::value_error("with into=, no request has a buffer of its own");
    pending->own = std::make_unique<BorrowedBuffer>(request[py::int_(2)], true, "buffer");
    Direct(&parsed, pending->own->writable(), "the buffer");
  } else if (borrowed_) {
    const MutableBytes whole = borrowed_->writable();
    Direct(&parsed, {whole.data + filled_, whole.size - filled_}, "into");
    pending->offset = filled_;
    filled_ += parsed.destination.size;
  }
  pending->bucket = parsed.url.bucket;
  return parsed;
}

// Has the range received at the beginning of `room`.
void GetManyIterator::Direct(GetManyRequest* parsed, MutableBytes room, const char* name) const {
  if (!parsed->range || !parsed->range->end)
    throw py::value_error("a request into memory needs a range with an end");
  const uint64_t size = *parsed->range->end - parsed->range->start;
  if (size > room.size) {
    throw py::value_error(std::string(name) + " has room for " + std::to_string(room.size) +
                          " bytes, too few for request " + std::to_string(added_));
  }
  parsed->destination = {room.data, static_cast<size_t>(size)};
}

bool GetManyIterator::AddNext() {
  PyObject* next = PyIter_Next(requests_.ptr());
  if (next == nullptr) {
    if (PyErr_Occurred() != nullptr) throw py::error_already_set();
    exhausted_ = true;
    return false;
  }
  const auto request = py::reinterpret_steal<py::object>(next);
  Pending pending;
  GetManyRequest parsed = Parse(request, &pending);
  pending_.emplace(added_++, std::move(pending));
  {
    const ReleaseGil released;  // a credentials function may be called, by another thread too
    stream_->Add(std::move(parsed));
  }
  return true;
}

Item GetManyIterator::Next() {
  if (!stream_) throw py::stop_iteration();
  while (!exhausted_ && stream_->WantsMore()) AddNext();
  const CallOptions call = Interruptible();
  std::optional<GetManyItem> item = WithoutGil([&] { return stream_->Next(call); });
  if (!item) {
    Close();
    throw py::stop_iteration();
  }
  return Convert(std::move(*item));
}

Item GetManyIterator::Convert(GetManyItem item) {
  auto found = pending_.find(item.index);
  Pending pending = std::move(found->second);
  pending_.erase(found);
  Item out{item.index, std::move(pending.url), py::none(), py::none(), py::none()};
  if (item.error) {
    out.error = MakeException(*item.error);
    return out;
  }
  Fetched& fetched = item.fetched;
  if (pending.own) {
    out.data = pending.own->View(0, fetched.size);
  } else if (borrowed_) {
    out.data = borrowed_->View(pending.offset, fetched.size);
  } else {
    out.data = py::cast(Buffer{std::move(fetched.slab), fetched.offset, fetched.size});
  }
  out.info = py::cast(MakeInfo(std::move(fetched.info), pending.bucket));
  return out;
}

}  // namespace

py::object MakeGetMany(std::shared_ptr<Client> client, const py::object& requests, bool ordered,
                       size_t concurrency, const py::object& into) {
  if (concurrency == 0) throw py::value_error("concurrency must be at least 1");
  if (py::isinstance<py::str>(requests))
    throw py::type_error("requests must be an iterable of URLs, not a str");
  return py::cast(std::make_unique<GetManyIterator>(std::move(client), py::iter(requests),
                                                    GetManyOptions{ordered, concurrency}, into));
}

void BindGetMany(py::module_& module) {
  py::class_<Item>(module, "GetManyItem", py::custom_type_setup(&Collectable<Item>))
      .def_readonly("index", &Item::index)
      .def_readonly("url", &Item::url)
      .def_readonly("data", &Item::data)
      .def_readonly("info", &Item::info)
      .def_readonly("error", &Item::error)
      .def("__repr__", [](const Item& item) {
        return "<s3native.GetManyItem " + std::to_string(item.index) + " " +
               py::str(item.url).cast<std::string>() + (item.error.is_none() ? ">" : ", failed>");
      });
  py::class_<GetManyIterator>(module, "GetManyIterator",
                              py::custom_type_setup(&Collectable<GetManyIterator>))
      .def("__iter__", [](py::object self) { return self; })
      .def("__next__", &GetManyIterator::Next)
      .def("close", &GetManyIterator::Close);
}

}  // namespace s3native::python
