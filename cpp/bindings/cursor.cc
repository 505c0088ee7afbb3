#include "cursor.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "convert.h"

namespace s3native::python {
namespace {

// Bytes of small objects are received in pool memory, which is in the processor's cache when many
// threads read, and copied to where they stay: that costs less than receiving them there.
constexpr uint64_t kReceivedInPool = 256 << 10;

// io says TypeError of memory that it cannot write to.
BorrowedBuffer Destination(const py::object& buffer) {
  try {
    return BorrowedBuffer(buffer, true, "buffer");
  } catch (const py::value_error& error) {
    throw py::type_error(error.what());
  }
}

}  // namespace

// ---- open and closed ----

void Cursor::Open(py::object client, py::object url, py::object options, uint64_t buffer_size,
                  uint64_t position) {
  if (client_) throw py::value_error("the file has been initialized");
  client_ = std::move(client);
  url_ = std::move(url);
  options_ = std::move(options);
  buffer_size_ = std::max<uint64_t>(buffer_size, 1);
  position_ = position;
  reader();  // tells what is wrong with the URL
}

std::shared_ptr<PyReader> Cursor::reader() {
  CheckOpen();
  if (!client_) throw py::value_error("the file has not been initialized");
  if (!reader_) reader_ = OpenReader(client_, url_, options_);
  return reader_;
}

void Cursor::Pin() {
  const std::optional<ObjectInfo> pinned = reader()->reader->Pinned();
  if (!pinned) return;
  py::dict options = options_.is_none() ? py::dict() : options_.attr("copy")();
  options["size"] = pinned->size;
  options["etag"] = pinned->etag;
  options_ = std::move(options);
}

void Cursor::Close() {
  closed_ = true;
  const Turn turn(this);
  DropWindow();
  reader_ = nullptr;
}

void Cursor::Forget() {
  new SlabPtr(std::move(slab_));
  new std::shared_ptr<PyReader>(std::move(reader_));
  new (&turn_) std::mutex();
  DropWindow();
}

void Cursor::Clear() {
  client_ = py::object();
  options_ = py::object();
  reader_ = nullptr;
}

int Cursor::Traverse(visitproc visit, void* arg) const {
  Py_VISIT(client_.ptr());
  Py_VISIT(options_.ptr());
  return 0;
}

void Cursor::CheckOpen() const {
  if (closed_) throw py::value_error(kClosed);
}

Cursor::Turn::Turn(Cursor* cursor) : cursor_(*cursor) {
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

Cursor::Turn::~Turn() {
  cursor_.busy_ = false;
  cursor_.turn_.unlock();
}

// ---- reading ----

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
    GrowingBytes out(std::max(Available(), engine.PredictedRest(start)));
    const bool small = Available() == 0 && out.size() <= kReceivedInPool;
    uint64_t got = CopyTo(out.From(0));
    DropWindow();
    if (small) position_ += got = ReadSmall(&out);
    got = ReadRest(engine, position_, &out, got);
    position_ = start + got;
    return out.Take(got);
  });
}

// Into `out`, which has room for as much as is expected, and has as much as there is afterwards.
uint64_t Cursor::ReadSmall(GrowingBytes* out) {
  Reader& engine = this->engine();
  const MutableBytes room = out->From(0);
  const Fetched got = WithoutGil([&] {
    Result<Fetched> rest = engine.ViewRest(position_, kReceivedInPool, Interruptible());
    // Without the GIL as well: it takes longer than all that many threads need the GIL for.
    if (rest.ok() && rest.value().size > 0)
      std::memcpy(room.data, rest.value().slab->data() + rest.value().offset,
                  std::min(room.size, rest.value().size));
    return rest;
  });
  const bool ended = got.size < room.size;
  out->Resize(got.size + (ended ? 0 : engine.PredictedRest(position_ + got.size)));
  if (got.size > room.size)
    std::memcpy(out->From(room.size).data, got.slab->data() + got.offset + room.size,
                got.size - room.size);
  return got.size;
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
  const BorrowedBuffer borrowed = Destination(buffer);
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

}  // namespace s3native::python
