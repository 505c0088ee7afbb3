#include "cursor.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <new>
#include <thread>
#include <unordered_set>

#include "buffer.h"
#include "convert.h"
#include "reader.h"

namespace s3native::python {
namespace {

// Bytes of small objects are received in pool memory, which is in the processor's cache when many
// threads read, and copied to where they stay: that costs less than receiving them there.
constexpr uint64_t kReceivedInPool = 256 << 10;

constexpr char kClosed[] = "I/O operation on closed file";

class Cursor {
 public:
  // Once. Calls `opener` for the reader, now and in a forked child.
  void Open(py::object opener, uint64_t buffer_size, uint64_t position) {
    if (opener_) throw py::value_error("the file has been initialized");
    opener_ = std::move(opener);
    buffer_size_ = std::max<uint64_t>(buffer_size, 1);
    position_ = position;
    reader();  // tells what is wrong with the URL
  }
  uint64_t position() const { return position_; }
  bool closed() const { return closed_; }
  void Close() {
    closed_ = true;
    Turn turn(this);
    DropWindow();
    reader_ = py::object();
  }
  // In a forked child the parent's memory and requests are kept, not torn down.
  void Forget() {
    new SlabPtr(std::move(slab_));
    new py::object(std::move(reader_));
    new (&turn_) std::mutex();
    DropWindow();
  }

  py::object reader() {
    CheckOpen();
    if (!opener_) throw py::value_error("the file has not been initialized");
    if (!reader_) reader_ = opener_();
    return reader_;
  }
  bool has_reader() const { return static_cast<bool>(reader_); }
  void Clear() {
    opener_ = py::object();
    reader_ = py::object();
  }
  int Traverse(visitproc visit, void* arg) const {
    Py_VISIT(opener_.ptr());
    Py_VISIT(reader_.ptr());
    return 0;
  }

  // What is at hand, if that is `size` bytes or more and nobody moves the cursor.
  const std::byte* AtHand(uint64_t size) const {
    return busy_ || closed_ || size > Available() ? nullptr : At();
  }
  uint64_t Available() const {
    const bool inside = position_ >= window_start_ && position_ < window_end_;
    return inside ? window_end_ - position_ : 0;
  }
  void Advance(uint64_t size) { position_ += size; }

  py::bytes Read(int64_t size);
  py::bytes ReadSome(int64_t size);
  uint64_t ReadInto(const py::object& buffer, bool some);
  py::bytes ReadLine(int64_t limit);
  py::bytes Peek();
  Buffer View(int64_t size);
  uint64_t Seek(int64_t offset, int64_t whence);

 private:
  // One call at a time may wait for bytes; a signal handler may not come in between.
  class Turn {
   public:
    explicit Turn(Cursor* cursor) : cursor_(*cursor) {
      if (cursor_.busy_ && cursor_.owner_ == std::this_thread::get_id()) {
        PyErr_SetString(PyExc_RuntimeError, "reentrant call inside a file that is being read");
        throw py::error_already_set();
      }
      if (!cursor_.turn_.try_lock()) {
        const ReleaseGil released;
        cursor_.turn_.lock();
      }
      cursor_.owner_ = std::this_thread::get_id();
      cursor_.busy_ = true;
    }
    ~Turn() {
      cursor_.busy_ = false;
      cursor_.turn_.unlock();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    Cursor& cursor_;
  };

  void CheckOpen() const {
    if (closed_) throw py::value_error(kClosed);
  }
  Reader& engine() {
    reader();
    return *reader_.cast<PyReader&>().reader;
  }
  const std::byte* At() const { return window_ + (position_ - window_start_); }
  void DropWindow() {
    slab_ = nullptr;
    window_ = nullptr;
    window_start_ = window_end_ = 0;
  }
  void SetWindow(Fetched view);
  bool MoveWindow();
  uint64_t CopyTo(MutableBytes destination);
  uint64_t Fill(MutableBytes destination);
  uint64_t AtMost(uint64_t size);
  // A call that fails leaves the cursor where it was.
  template <typename Work>
  auto Whole(Work&& work) {
    const uint64_t start = position_;
    try {
      return work();
    } catch (...) {
      position_ = start;
      throw;
    }
  }

  py::object opener_;
  uint64_t buffer_size_ = 1;
  py::object reader_;
  uint64_t position_ = 0;
  bool closed_ = false;
  bool busy_ = false;
  std::thread::id owner_;
  std::mutex turn_;
  SlabPtr slab_;
  const std::byte* window_ = nullptr;  // bytes [window_start_, window_end_) of the object
  uint64_t window_start_ = 0;
  uint64_t window_end_ = 0;
};

// What begins where the cursor is.
void Cursor::SetWindow(Fetched view) {
  DropWindow();
  if (view.size == 0) return;
  slab_ = std::move(view.slab);
  window_ = slab_->data() + view.offset;
  window_start_ = position_;
  window_end_ = position_ + view.size;
}

// To where the cursor is; false at the object's end.
bool Cursor::MoveWindow() {
  Reader& engine = this->engine();
  DropWindow();
  Fetched view =
      WithoutGil([&] { return engine.ViewSome(position_, buffer_size_, Interruptible()); });
  SetWindow(std::move(view));
  return Available() > 0;
}

// Of what is at hand; moves the cursor.
uint64_t Cursor::CopyTo(MutableBytes destination) {
  const uint64_t size = std::min<uint64_t>(destination.size, Available());
  if (size > 0) std::memcpy(destination.data, At(), size);
  position_ += size;
  return size;
}

// All that fits; little by way of the window, much straight into the destination.
uint64_t Cursor::Fill(MutableBytes destination) {
  uint64_t got = CopyTo(destination);
  while (got < destination.size) {
    const MutableBytes rest{destination.data + got, destination.size - static_cast<size_t>(got)};
    uint64_t more = 0;
    if (rest.size < buffer_size_) {
      if (!MoveWindow()) break;
      more = CopyTo(rest);
    } else {
      Reader& engine = this->engine();
      DropWindow();
      more = WithoutGil(
          [&] { return engine.ReadAt(position_, rest, ReadKind::kNext, Interruptible()); });
      position_ += more;
    }
    got += more;
    if (more == 0) break;
  }
  return got;
}

py::bytes Cursor::Read(int64_t size) {
  CheckOpen();
  if (size < -1) throw py::value_error("read length must be non-negative or -1");
  const Turn turn(this);
  return Whole([&] {
    if (size >= 0) {
      GrowingBytes out(AtMost(static_cast<uint64_t>(size)));
      return out.Take(Fill(out.From(0)));
    }
    Reader& engine = this->engine();
    const uint64_t start = position_;
    uint64_t expected = std::max(Available(), engine.PredictedRest(start));
    if (Available() == 0 && expected <= kReceivedInPool) {
      DropWindow();
      SetWindow(
          WithoutGil([&] { return engine.ViewRest(start, kReceivedInPool, Interruptible()); }));
      const bool ended = Available() < expected;
      expected = Available() + (ended ? 0 : engine.PredictedRest(start + Available()));
    }
    GrowingBytes out(expected);
    uint64_t got = CopyTo(out.From(0));
    DropWindow();
    got = ReadRest(engine, position_, &out, got);
    position_ = start + got;
    return out.Take(got);
  });
}

// Of a size that is asked for, what is worth allocating.
uint64_t Cursor::AtMost(uint64_t size) {
  constexpr uint64_t kMuch = 256ull << 20;
  if (size <= kMuch) return size;
  Reader& engine = this->engine();
  const uint64_t end = WithoutGil([&] { return engine.Size(Interruptible()); });
  return std::min(size, end - std::min(end, position_));
}

// With one request at most: what is at hand, or one buffer.
py::bytes Cursor::ReadSome(int64_t size) {
  CheckOpen();
  const Turn turn(this);
  if (Available() == 0 && size != 0) MoveWindow();
  const uint64_t most = size < 0 ? buffer_size_ : static_cast<uint64_t>(size);
  GrowingBytes out(std::min(most, Available()));
  return out.Take(CopyTo(out.From(0)));
}

uint64_t Cursor::ReadInto(const py::object& buffer, bool some) {
  CheckOpen();
  const BorrowedBuffer borrowed(buffer, true, "buffer");
  const Turn turn(this);
  if (!some) return Whole([&] { return Fill(borrowed.writable()); });
  if (Available() == 0 && borrowed.writable().size > 0) MoveWindow();
  return CopyTo(borrowed.writable());
}

py::bytes Cursor::ReadLine(int64_t limit) {
  CheckOpen();
  const Turn turn(this);
  const uint64_t most = limit < 0 ? UINT64_MAX : static_cast<uint64_t>(limit);
  return Whole([&] {
    std::string line;
    while (line.size() < most && (Available() > 0 || MoveWindow())) {
      const auto size = static_cast<size_t>(std::min(Available(), most - line.size()));
      const void* end = std::memchr(At(), '\n', size);
      const char* begin = reinterpret_cast<const char*>(At());
      const size_t taken = end ? static_cast<const char*>(end) - begin + 1 : size;
      line.append(begin, taken);
      position_ += taken;
      if (end) break;
    }
    return py::bytes(line);
  });
}

py::bytes Cursor::Peek() {
  CheckOpen();
  const Turn turn(this);
  if (Available() == 0) MoveWindow();
  const uint64_t size = std::min(Available(), buffer_size_);
  return {size > 0 ? reinterpret_cast<const char*>(At()) : "", size};
}

Buffer Cursor::View(int64_t size) {
  CheckOpen();
  const Turn turn(this);
  Buffer view;
  if (size > 0 && static_cast<uint64_t>(size) <= Available()) {
    view = {slab_, static_cast<size_t>(At() - slab_->data()), static_cast<size_t>(size)};
  } else {
    Reader& engine = this->engine();
    const uint64_t most = size < 0 ? 0 : AtMost(static_cast<uint64_t>(size));
    Fetched fetched = WithoutGil([&] {
      return size < 0 ? engine.ViewRest(position_, UINT64_MAX, Interruptible())
                      : engine.ViewAt(position_, most, Interruptible());
    });
    view = {std::move(fetched.slab), fetched.offset, fetched.size};
  }
  position_ += view.size;
  return view;
}

uint64_t Cursor::Seek(int64_t offset, int64_t whence) {
  CheckOpen();
  const Turn turn(this);
  uint64_t base = 0;
  if (whence == 1) {
    base = position_;
  } else if (whence == 2) {
    Reader& engine = this->engine();
    base = WithoutGil([&] { return engine.Size(Interruptible()); });
  } else if (whence != 0) {
    throw py::value_error("whence must be 0, 1 or 2, not " + std::to_string(whence));
  }
  if (offset < 0 && static_cast<uint64_t>(-offset) > base)
    throw py::value_error("negative seek position " +
                          std::to_string(offset + static_cast<int64_t>(base)));
  const uint64_t position = base + static_cast<uint64_t>(offset);
  if (offset > 0 && position > INT64_MAX) throw py::value_error("seek position is too large");
  return position_ = position;
}

// ---- the Python type ----

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

PyObject* View(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  return Guard([&] { return py::cast(CursorOf(self).View(SizeFrom(arguments, count))); });
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

PyObject* GetReader(PyObject* self, void*) {
  return Guard([&] { return CursorOf(self).reader(); });
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
  PyObject* opener = nullptr;
  unsigned long long buffer_size = 0;
  unsigned long long position = 0;
  if (PyArg_ParseTuple(arguments, "OKK", &opener, &buffer_size, &position) == 0) return -1;
  PyObject* done = Guard([&] {
    CursorOf(self).Open(py::reinterpret_borrow<py::object>(opener), buffer_size, position);
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
                                  {"_view", Method(&View), METH_FASTCALL, nullptr},
                                  {"seek", Method(&Seek), METH_FASTCALL, nullptr},
                                  {"tell", &Tell, METH_NOARGS, nullptr},
                                  {"close", &Close, METH_NOARGS, nullptr},
                                  {"_forget", &Forget, METH_NOARGS, nullptr},
                                  {nullptr, nullptr, 0, nullptr}};
  static PyGetSetDef properties[] = {{"_reader", &GetReader, nullptr, nullptr, nullptr},
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
