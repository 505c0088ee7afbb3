#include "gil.h"

#include <cxxabi.h>
#include <unistd.h>

namespace s3native::python {
namespace {

[[noreturn]] void SleepUntilExit() {
  while (true) pause();
}

bool Finalizing() {
#if PY_VERSION_HEX >= 0x030D0000
  return Py_IsFinalizing() != 0;
#else
  return _Py_IsFinalizing() != 0;
#endif
}

// Runs `take`, which asks for the GIL; never returns once the interpreter is on its way out.
template <typename Take>
auto TakeOrSleep(Take&& take) {
  // The thread's state may be gone already; but the main thread is the one that finalizes.
  if (Finalizing() && gettid() != getpid()) SleepUntilExit();
  try {
    return take();
  } catch (abi::__forced_unwind&) {
    SleepUntilExit();
  }
}

}  // namespace

ReleaseGil::~ReleaseGil() {
  TakeOrSleep([this] { PyEval_RestoreThread(state_); });
}

AcquireGil::AcquireGil() : state_(TakeOrSleep([] { return PyGILState_Ensure(); })) {}

}  // namespace s3native::python
