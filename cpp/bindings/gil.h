// Letting go of the GIL and taking it, from threads that may outlive the interpreter.
//
// Before Python 3.14 a thread that asks for the GIL while the interpreter finalizes is ended by
// pthread_exit, whose unwinding through C++ destructors calls std::terminate: a program that exits
// with requests in flight would abort. These guards put such a thread to sleep instead; the process
// ends without it. Thread-safety: as the GIL. Ownership: scope guards.
#pragma once

#include <pybind11/pybind11.h>

namespace s3native::python {

class ReleaseGil {
 public:
  ReleaseGil() : state_(PyEval_SaveThread()) {}
  ~ReleaseGil();
  ReleaseGil(const ReleaseGil&) = delete;
  ReleaseGil& operator=(const ReleaseGil&) = delete;

 private:
  PyThreadState* state_;
};

class AcquireGil {
 public:
  AcquireGil();
  ~AcquireGil() { PyGILState_Release(state_); }
  AcquireGil(const AcquireGil&) = delete;
  AcquireGil& operator=(const AcquireGil&) = delete;

 private:
  PyGILState_STATE state_;
};

}  // namespace s3native::python
