// Errors of the engine as TensorFlow's statuses.
//
// Thread-safety: any thread, after FindSetStatus. Ownership: none.
#pragma once

#include "c_api.h"
#include "s3native/error.h"

namespace s3native::tensorflow {

// TF_Code.
enum class Code {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kOutOfRange = 11,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// Finds TF_SetStatus in the TensorFlow of this process; false if there is none.
bool FindSetStatus();

void Set(TfStatus* status, Code code, const char* message = "");
void Set(TfStatus* status, const Error& error);
// OK, or the error.
void Set(TfStatus* status, const Status& result);

Code CodeOf(ErrorCode code);

}  // namespace s3native::tensorflow
