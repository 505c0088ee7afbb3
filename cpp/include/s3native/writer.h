// Writing one object piece by piece, of a length not known ahead: parts travel while the caller
// goes on; the object appears, whole, when the writer is closed, or not at all.
//
// Thread-safety: all methods, any thread; each waits for the one before. Ownership: memory handed
// in is borrowed until the call returns; the client must outlive its writers. A writer that dies
// without having been closed aborts, and waits for that.
#pragma once

#include "s3native/client.h"

namespace s3native {

class Writer {
 public:
  virtual ~Writer() = default;

  // Takes all of it: whole parts are sent out of the caller's memory before this returns, the rest
  // is copied and sent when there is enough of it. Waits while the process's budget is spent. After
  // an error every call fails with it.
  virtual Status Write(ConstBytes data, const CallOptions& call) = 0;
  // Sends the rest and makes the object visible. When this fails, nothing is.
  virtual Result<PutResult> Close(const CallOptions& call) = 0;
  // Nothing of what was written becomes visible. Does nothing after Close.
  virtual void Abort() = 0;
};

}  // namespace s3native
