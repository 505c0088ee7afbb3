#include "status.h"

#include <dlfcn.h>

#include <atomic>

namespace s3native::tensorflow {
namespace {

using SetStatus = void (*)(TfStatus*, int code, const char* message);

std::atomic<SetStatus> set_status{nullptr};

// It is not linked to: up to TensorFlow 2.18 an undefined symbol of a plugin is not found.
void* FindSymbol(const char* name) {
  if (void* found = dlsym(RTLD_DEFAULT, name)) return found;
  void* library = dlopen("libtensorflow_framework.so.2", RTLD_NOLOAD | RTLD_LAZY);
  if (library == nullptr) return nullptr;
  void* found = dlsym(library, name);
  dlclose(library);  // others hold it
  return found;
}

}  // namespace

bool FindSetStatus() {
  if (set_status == nullptr) set_status = reinterpret_cast<SetStatus>(FindSymbol("TF_SetStatus"));
  return set_status != nullptr;
}

void Set(TfStatus* status, Code code, const char* message) {
  set_status.load()(status, static_cast<int>(code), message);
}

void Set(TfStatus* status, const Error& error) {
  Set(status, CodeOf(error.code), error.message.c_str());
}

void Set(TfStatus* status, const Status& result) {
  result.ok() ? Set(status, Code::kOk) : Set(status, result.error());
}

Code CodeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return Code::kInvalidArgument;
    case ErrorCode::kNotFound:
      return Code::kNotFound;
    case ErrorCode::kAccessDenied:
      return Code::kPermissionDenied;
    case ErrorCode::kCredentials:
      return Code::kUnauthenticated;
    case ErrorCode::kPreconditionFailed:
      return Code::kFailedPrecondition;
    case ErrorCode::kRange:
      return Code::kOutOfRange;
    case ErrorCode::kThrottled:
      return Code::kResourceExhausted;
    case ErrorCode::kConnectionFailed:
    case ErrorCode::kUnavailable:
      return Code::kUnavailable;
    case ErrorCode::kTimeout:
      return Code::kDeadlineExceeded;
    case ErrorCode::kIntegrity:
      return Code::kDataLoss;
    case ErrorCode::kCancelled:
      return Code::kCancelled;
    case ErrorCode::kOther:
      break;
  }
  return Code::kUnknown;
}

}  // namespace s3native::tensorflow
