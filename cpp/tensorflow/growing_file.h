// An object that TensorFlow writes. What was flushed is made visible, as objects are: whole. Of one
// with at least 5 MiB the server copies what it has, and only the rest is sent; a smaller one is
// sent again. TensorFlow's logs are flushed after every few records, so that flushes come together:
// the first is carried out at once, those that follow within a second when that is over.
//
// Thread-safety: all methods, any thread. Ownership: shares the client. What was written and not
// published is lost with it.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "s3native/client.h"
#include "s3native/writer.h"

namespace s3native::tensorflow {

class GrowingFile : public std::enable_shared_from_this<GrowingFile> {
 public:
  // What is at the URL stays until something is published.
  static std::shared_ptr<GrowingFile> Create(std::shared_ptr<Client> client, S3Url url);
  // Goes on behind what is at the URL, if there is anything.
  static Result<std::shared_ptr<GrowingFile>> Append(std::shared_ptr<Client> client, S3Url url);
  ~GrowingFile();

  const S3Url& url() const { return url_; }
  uint64_t size() const;
  // An error of this or of an earlier call, or of a publication since then, is that of all that
  // follow.
  Status Write(ConstBytes data);
  // Publishes it now, or soon.
  Status Flush();
  // Publishes it now; a log, which TensorFlow synchronises where others are flushed, as Flush.
  Status Sync();
  // Publishes it if it was flushed and still waits for that.
  Status PublishFlushed();
  // Publishes all of it; may be called again, and written to again.
  Status Close();
  // Whether it was published so lately that nobody needs to ask for it.
  bool IsFresh() const;

 private:
  GrowingFile(std::shared_ptr<Client> client, S3Url url)
      : client_(std::move(client)), url_(std::move(url)) {}
  Status Begin();
  Status Publish();
  Status Keep(Status done);

  const std::shared_ptr<Client> client_;
  const S3Url url_;
  mutable std::mutex mutex_;         // guards what follows
  std::unique_ptr<Writer> writer_;   // while not all is visible
  std::optional<Existing> visible_;  // what is at the URL, if this wrote it or goes on behind it
  std::string beginning_;            // all there is, while that is less than 5 MiB
  uint64_t size_ = 0;
  bool waiting_ = false;  // to be published
  std::chrono::steady_clock::time_point next_publication_{};
  std::optional<Error> error_;
};

// Publishes what was flushed of one object, which is about to be read.
Status PublishFlushed(const S3Url& url);
// Whether a file of this process that is open published this object a moment ago. TensorFlow asks
// before each flush of a log whether it still exists.
bool IsFresh(const S3Url& url);

}  // namespace s3native::tensorflow
