// What every operation of the filesystem begins with: a path becomes a URL, with the client that is
// to be asked.
//
// Thread-safety: all functions, any thread. Ownership: calls share the client.
#pragma once

#include <memory>

#include "c_api.h"
#include "s3native/client.h"
#include "status.h"

namespace s3native::tensorflow {

// What an operation needs: the client, and the URL of a path.
struct Call {
  std::shared_ptr<Client> client;
  S3Url url;
};

Result<Call> CallFor(const char* path);
// Without the slashes at its end: whether it is a folder is to be found out.
Result<S3Url> UrlFrom(const char* path);

// Calls `work` with what a path means and puts its Status into TensorFlow's.
template <typename Work>
void With(const char* path, TfStatus* status, Work&& work) {
  const Result<Call> call = CallFor(path);
  Set(status, call.ok() ? work(call.value()) : Status(call.error()));
}

// The same with two paths.
template <typename Work>
void With(const char* source, const char* destination, TfStatus* status, Work&& work) {
  With(source, status, [&](const Call& call) -> Status {
    const Result<S3Url> to = UrlFrom(destination);
    if (!to.ok()) return to.error();
    return work(call, to.value());
  });
}

}  // namespace s3native::tensorflow
