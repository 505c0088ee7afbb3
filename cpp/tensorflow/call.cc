#include "call.h"

#include <unistd.h>

#include <mutex>
#include <string_view>

#include "s3native/tensorflow.h"

namespace s3native::tensorflow {
namespace {

struct Chosen {
  std::mutex mutex;  // guards what follows
  std::shared_ptr<Client> client;
  pid_t process = 0;  // a forked child needs its own
};

Chosen& GetChosen() {
  static auto* chosen = new Chosen;
  return *chosen;
}

Result<std::shared_ptr<Client>> CurrentClient() {
  Chosen& chosen = GetChosen();
  std::lock_guard lock(chosen.mutex);
  if (chosen.client && chosen.process == getpid()) return chosen.client;
  Result<std::shared_ptr<Client>> made = Client::Create(ConfigOptions());
  if (!made.ok()) return made;
  new std::shared_ptr<Client>(std::move(chosen.client));  // the parent's is not torn down here
  chosen.client = made.value();
  chosen.process = getpid();
  return made;
}

}  // namespace

void UseClient(std::shared_ptr<Client> client) {
  Chosen& chosen = GetChosen();
  std::lock_guard lock(chosen.mutex);
  chosen.client = std::move(client);
  chosen.process = getpid();
}

Result<S3Url> UrlFrom(const char* path) {
  std::string_view trimmed(path);
  while (trimmed.size() > sizeof "s3://" && trimmed.ends_with('/')) trimmed.remove_suffix(1);
  return ParseS3Url(trimmed);
}

Result<Call> CallFor(const char* path) {
  Result<S3Url> url = UrlFrom(path);
  if (!url.ok()) return std::move(url).error();
  Result<std::shared_ptr<Client>> client = CurrentClient();
  if (!client.ok()) return std::move(client).error();
  return Call{std::move(client).value(), std::move(url).value()};
}

}  // namespace s3native::tensorflow
