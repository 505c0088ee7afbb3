#include "cursor_type.h"

#include <cstring>
#include <new>
#include <unordered_set>

#include "convert.h"
#include "cursor.h"

namespace s3native::python {
namespace {

// _io._IOBase, which all the slots of io's base classes come from. Its layout differs between
// versions of Python: the cursor lies behind it.
PyTypeObject* base = nullptr;
Py_ssize_t cursor_offset = 0;

Cursor& CursorOf(PyObject* self) {
  return *reinterpret_cast<Cursor*>(reinterpret_cast<char*>(self) + cursor_offset);
}

// All there are, guarded by the GIL.
std::unordered_set<PyObject*>& Alive() {
  static auto* alive = new std::unordered_set<PyObject*>;
  return *alive;
}

// Runs the body of a method; exceptions become Python's.
template <typename Body>
PyObject* Guard(Body&& body) noexcept {
  try {
    return py::object(body()).release().ptr();
  } catch (py::error_already_set& error) {
    error.restore();
  } catch (const py::builtin_exception& error) {
    error.set_error();
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
  return nullptr;
}

// An optional size, None or absent for `otherwise`.
int64_t SizeFrom(PyObject* const* arguments, Py_ssize_t count, int64_t otherwise = -1) {
  if (count == 0 || arguments[0] == Py_None) return otherwise;
  if (count > 1) throw py::type_error("at most one argument is taken");
  const Py_ssize_t size = PyNumber_AsSsize_t(arguments[0], PyExc_OverflowError);
  if (size == -1 && PyErr_Occurred() != nullptr) throw py::error_already_set();
  return size;
}

// Of a method that takes two.
std::pair<py::object, py::object> TwoFrom(PyObject* const* arguments, Py_ssize_t count) {
  if (count != 2) throw py::type_error("two arguments are taken");
  return {py::reinterpret_borrow<py::object>(arguments[0]),
          py::reinterpret_borrow<py::object>(arguments[1])};
}

PyObject* BytesOf(Cursor* cursor, const std::byte* data, Py_ssize_t size) {
  PyObject* bytes = PyBytes_FromStringAndSize(reinterpret_cast<const char*>(data), size);
  if (bytes != nullptr) cursor->Advance(static_cast<uint64_t>(size));
  return bytes;
}

PyObject* Read(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  Cursor& cursor = CursorOf(self);
  if (count == 1 && PyLong_CheckExact(arguments[0])) {
    const Py_ssize_t size = PyLong_AsSsize_t(arguments[0]);
    if (size > 0) {
      if (const std::byte* data = cursor.AtHand(static_cast<uint64_t>(size)))
        return BytesOf(&cursor, data, size);
    }
    PyErr_Clear();
  }
  return Guard([&] { return cursor.Read(SizeFrom(arguments, count)); });
}

PyObject* Line(Cursor* cursor) {
  if (const std::byte* data = cursor->AtHand(1)) {
    const auto size = static_cast<size_t>(cursor->Available());
    if (const void* end = std::memchr(data, '\n', size))
      return BytesOf(cursor, data, static_cast<const std::byte*>(end) - data + 1);
  }
  return Guard([&] { return cursor->ReadLine(-1); });
}

PyObject* ReadLine(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  Cursor& cursor = CursorOf(self);
  if (count == 0) return Line(&cursor);
  return Guard([&] { return cursor.ReadLine(SizeFrom(arguments, count)); });
}

PyObject* NextLine(PyObject* self) {
  PyObject* line = Line(&CursorOf(self));
  if (line != nullptr && PyBytes_GET_SIZE(line) == 0) Py_CLEAR(line);
  return line;
}

PyObject* Read1(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  return Guard([&] { return CursorOf(self).ReadSome(SizeFrom(arguments, count)); });
}

PyObject* ReadInto(PyObject* self, PyObject* buffer) {
  return Guard([&] {
    return py::int_(CursorOf(self).ReadInto(py::reinterpret_borrow<py::object>(buffer), false));
  });
}

PyObject* ReadInto1(PyObject* self, PyObject* buffer) {
  return Guard([&] {
    return py::int_(CursorOf(self).ReadInto(py::reinterpret_borrow<py::object>(buffer), true));
  });
}

PyObject* Peek(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  return Guard([&] {
    SizeFrom(arguments, count, 0);
    return CursorOf(self).Peek();
  });
}

constexpr char kReadViewDoc[] =
    "readview($self, size=-1, /)\n--\n\n"
    "Up to `size` bytes at the cursor (default: all) as a view of the engine's memory.\n\n"
    "Not copied where they came in one request, and read-only: others may read the same memory.\n"
    "It returns to the pool when the last view dies.";

PyObject* ReadView(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  return Guard([&] {
    const py::object bytes = py::cast(CursorOf(self).View(SizeFrom(arguments, count)));
    auto view = py::reinterpret_steal<py::object>(PyMemoryView_FromObject(bytes.ptr()));
    if (!view) throw py::error_already_set();
    PyMemoryView_GET_BUFFER(view.ptr())->readonly = 1;
    return view;
  });
}

PyObject* Seek(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  return Guard([&] {
    if (count < 1 || count > 2) throw py::type_error("seek takes an offset and a whence");
    if (arguments[0] == Py_None) throw py::type_error("offset must be an integer, not None");
    const int64_t offset = SizeFrom(arguments, 1);
    const int64_t whence = SizeFrom(arguments + 1, count - 1, 0);
    return py::int_(CursorOf(self).Seek(offset, whence));
  });
}

PyObject* Tell(PyObject* self, PyObject*) {
  return Guard([&] {
    if (CursorOf(self).closed()) throw py::value_error(kClosed);
    return py::int_(CursorOf(self).position());
  });
}

PyObject* Close(PyObject* self, PyObject*) {
  return Guard([&] {
    CursorOf(self).Close();
    return py::none();
  });
}

PyObject* Forget(PyObject* self, PyObject*) {
  return Guard([&] {
    CursorOf(self).Forget();
    return py::none();
  });
}

// ---- what does not move the cursor ----

PyObject* Pread(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  return Guard([&] {
    const auto [size, start] = TwoFrom(arguments, count);
    return CursorOf(self).reader()->Pread(UnsignedFrom(start), UnsignedFrom(size));
  });
}

PyObject* PreadInto(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  return Guard([&] {
    const auto [buffer, start] = TwoFrom(arguments, count);
    return py::int_(CursorOf(self).reader()->PreadInto(UnsignedFrom(start), buffer));
  });
}

PyObject* WillNeed(PyObject* self, PyObject* ranges) {
  return Guard([&] {
    CursorOf(self).reader()->WillNeed(py::reinterpret_borrow<py::object>(ranges));
    return py::none();
  });
}

PyObject* Info(PyObject* self, PyObject*) {
  return Guard([&] { return CursorOf(self).reader()->Info(); });
}

PyObject* Size(PyObject* self, PyObject*) {
  return Guard([&] { return py::int_(CursorOf(self).reader()->Size()); });
}

PyObject* Pin(PyObject* self, PyObject*) {
  return Guard([&] {
    if (!CursorOf(self).closed()) CursorOf(self).Pin();
    return py::none();
  });
}

PyObject* GetName(PyObject* self, void*) {
  return Guard([&] { return CursorOf(self).url(); });
}

PyObject* GetOptions(PyObject* self, void*) {
  return Guard([&] { return CursorOf(self).options(); });
}

PyObject* GetState(PyObject* self, PyObject*) {
  return Guard([&] {
    const Cursor& cursor = CursorOf(self);
    return py::make_tuple(cursor.client(), cursor.url(), cursor.options(), cursor.buffer_size(),
                          cursor.position());
  });
}

PyObject* GetClosed(PyObject* self, void*) { return PyBool_FromLong(CursorOf(self).closed()); }

PyObject* Iterate(PyObject* self) {
  if (!CursorOf(self).closed()) return Py_NewRef(self);
  PyErr_SetString(PyExc_ValueError, kClosed);
  return nullptr;
}

// Arguments are Init's.
PyObject* New(PyTypeObject* type, PyObject*, PyObject*) {
  PyObject* self = type->tp_alloc(type, 0);
  if (self == nullptr) return nullptr;
  new (&CursorOf(self)) Cursor();
  Alive().insert(self);
  return self;
}

int Init(PyObject* self, PyObject* arguments, PyObject*) {
  PyObject* client = nullptr;
  PyObject* url = nullptr;
  PyObject* options = nullptr;
  unsigned long long buffer_size = 0;
  unsigned long long position = 0;
  if (PyArg_ParseTuple(arguments, "OUOK|K", &client, &url, &options, &buffer_size, &position) == 0)
    return -1;
  PyObject* done = Guard([&] {
    CursorOf(self).Open(py::reinterpret_borrow<py::object>(client),
                        py::reinterpret_borrow<py::object>(url),
                        py::reinterpret_borrow<py::object>(options), buffer_size, position);
    return py::none();
  });
  Py_XDECREF(done);
  return done == nullptr ? -1 : 0;
}

bool BaseIsOnTheHeap() { return PyType_HasFeature(base, Py_TPFLAGS_HEAPTYPE); }

// A base on the heap takes care of the type, another one knows nothing of it.
int Traverse(PyObject* self, visitproc visit, void* arg) {
  if (!BaseIsOnTheHeap()) Py_VISIT(Py_TYPE(self));
  if (const int stop = CursorOf(self).Traverse(visit, arg); stop != 0) return stop;
  return base->tp_traverse(self, visit, arg);
}

int Clear(PyObject* self) {
  CursorOf(self).Clear();
  return base->tp_clear(self);
}

// Instead of the base's, which closes: there is nothing to be written.
void Finalize(PyObject*) {}

void Dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  Alive().erase(self);
  PyObject_GC_UnTrack(self);
  CursorOf(self).Clear();
  CursorOf(self).~Cursor();
  PyObject_GC_Track(self);  // the base's untracks
  base->tp_dealloc(self);
  if (!BaseIsOnTheHeap()) Py_DECREF(type);
}

py::list GetOpen() {
  py::list open;
  for (PyObject* self : Alive()) {
    if (Py_REFCNT(self) > 0 && CursorOf(self).has_reader())
      open.append(py::reinterpret_borrow<py::object>(self));
  }
  return open;
}

template <typename Function>
PyCFunction Method(Function* function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

}  // namespace

void BindCursor(py::module_& module) {
  static PyMethodDef methods[] = {{"read", Method(&Read), METH_FASTCALL, nullptr},
                                  {"read1", Method(&Read1), METH_FASTCALL, nullptr},
                                  {"readinto", &ReadInto, METH_O, nullptr},
                                  {"readinto1", &ReadInto1, METH_O, nullptr},
                                  {"readline", Method(&ReadLine), METH_FASTCALL, nullptr},
                                  {"peek", Method(&Peek), METH_FASTCALL, nullptr},
                                  {"readview", Method(&ReadView), METH_FASTCALL, kReadViewDoc},
                                  {"seek", Method(&Seek), METH_FASTCALL, nullptr},
                                  {"tell", &Tell, METH_NOARGS, nullptr},
                                  {"close", &Close, METH_NOARGS, nullptr},
                                  {"_pread", Method(&Pread), METH_FASTCALL, nullptr},
                                  {"_pread_into", Method(&PreadInto), METH_FASTCALL, nullptr},
                                  {"_will_need", &WillNeed, METH_O, nullptr},
                                  {"_info", &Info, METH_NOARGS, nullptr},
                                  {"_size", &Size, METH_NOARGS, nullptr},
                                  {"_pin", &Pin, METH_NOARGS, nullptr},
                                  {"_state", &GetState, METH_NOARGS, nullptr},
                                  {"_forget", &Forget, METH_NOARGS, nullptr},
                                  {nullptr, nullptr, 0, nullptr}};
  static PyGetSetDef properties[] = {{"name", &GetName, nullptr, nullptr, nullptr},
                                     {"_options", &GetOptions, nullptr, nullptr, nullptr},
                                     {"closed", &GetClosed, nullptr, nullptr, nullptr},
                                     {nullptr, nullptr, nullptr, nullptr, nullptr}};
  static PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void*>(&New)},
                                {Py_tp_init, reinterpret_cast<void*>(&Init)},
                                {Py_tp_traverse, reinterpret_cast<void*>(&Traverse)},
                                {Py_tp_clear, reinterpret_cast<void*>(&Clear)},
                                {Py_tp_finalize, reinterpret_cast<void*>(&Finalize)},
                                {Py_tp_dealloc, reinterpret_cast<void*>(&Dealloc)},
                                {Py_tp_iter, reinterpret_cast<void*>(&Iterate)},
                                {Py_tp_iternext, reinterpret_cast<void*>(&NextLine)},
                                {Py_tp_methods, methods},
                                {Py_tp_getset, properties},
                                {0, nullptr}};
  const py::object base_type = py::module_::import("_io").attr("_BufferedIOBase");
  base = reinterpret_cast<PyTypeObject*>(py::module_::import("_io").attr("_IOBase").ptr());
  const auto* direct_base = reinterpret_cast<PyTypeObject*>(base_type.ptr());
  constexpr auto kAlignment = static_cast<Py_ssize_t>(alignof(Cursor));
  cursor_offset = (direct_base->tp_basicsize + kAlignment - 1) / kAlignment * kAlignment;
  static PyType_Spec spec = {"s3native._core.Cursor",
                             static_cast<int>(cursor_offset + sizeof(Cursor)), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};
  const auto type = py::reinterpret_steal<py::object>(
      PyType_FromSpecWithBases(&spec, py::make_tuple(base_type).ptr()));
  if (!type) throw py::error_already_set();
  module.add_object("Cursor", type);
  module.def("open_cursors", &GetOpen);
}

}  // namespace s3native::python
