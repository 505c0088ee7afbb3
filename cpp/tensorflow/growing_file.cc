#include "growing_file.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "log_name.h"
#include "s3native/tensorflow.h"

namespace s3native::tensorflow {
namespace {

using Clock = std::chrono::steady_clock;

// S3 copies nothing smaller into an upload.
constexpr uint64_t kLeastCopied = 5 << 20;
// How often an object becomes visible that is flushed all the time: every second, or in a tenth of
// the time if that takes long.
constexpr Clock::duration kInterval = std::chrono::seconds(1);
constexpr int kIntervalOfDuration = 10;

// The files that were flushed, and when they are to be published.
//
// Thread-safety: all methods, any thread. Ownership: shares the files. Never destroyed: its thread
// runs until the process ends.
class Waiting {
 public:
  static Waiting& Get() {
    static auto* waiting = new Waiting;
    return *waiting;
  }

  void Add(std::shared_ptr<GrowingFile> file, Clock::time_point due) {
    std::lock_guard lock(mutex_);
    files_.push_back({std::move(file), due});
    if (!std::exchange(running_, true)) std::thread([this] { Run(); }).detach();
    changed_.notify_one();
  }

  struct Entry {
    std::shared_ptr<GrowingFile> file;
    Clock::time_point due;
  };

  // Publishes those that are `wanted`, with no lock held; the first error.
  template <typename Wanted>
  Status Publish(Wanted&& wanted) {
    std::unique_lock lock(mutex_);
    const auto taken = std::stable_partition(files_.begin(), files_.end(),
                                             [&](const Entry& entry) { return !wanted(entry); });
    const std::vector<Entry> due(taken, files_.end());
    files_.erase(taken, files_.end());
    lock.unlock();
    Status all = Ok();
    for (const Entry& entry : due) {
      Status published = entry.file->PublishFlushed();
      if (all.ok()) all = std::move(published);
    }
    return all;
  }

 private:
  void Run() {
    while (true) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return !files_.empty(); });
        const auto next = std::min_element(
            files_.begin(), files_.end(),
            [](const Entry& left, const Entry& right) { return left.due < right.due; });
        const Clock::time_point due = next->due;
        changed_.wait_until(lock, due);
      }
      const Clock::time_point now = Clock::now();
      // Who writes next hears of an error.
      (void)Publish([&](const Entry& entry) { return entry.due <= now; });
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Entry> files_;
  bool running_ = false;
};

// The files that are open. Thread-safety: with the mutex held. Ownership: none.
struct OpenFiles {
  std::mutex mutex;
  std::map<std::pair<std::string, std::string>, GrowingFile*> files;  // by bucket and key
};

OpenFiles& GetOpenFiles() {
  static auto* open = new OpenFiles;
  return *open;
}

}  // namespace

// ---- opening ----

std::shared_ptr<GrowingFile> GrowingFile::Create(std::shared_ptr<Client> client, S3Url url) {
  std::shared_ptr<GrowingFile> file(new GrowingFile(std::move(client), std::move(url)));
  OpenFiles& open = GetOpenFiles();
  std::lock_guard lock(open.mutex);
  open.files[{file->url_.bucket, file->url_.key}] = file.get();
  return file;
}

GrowingFile::~GrowingFile() {
  OpenFiles& open = GetOpenFiles();
  std::lock_guard lock(open.mutex);
  const auto found = open.files.find({url_.bucket, url_.key});
  if (found != open.files.end() && found->second == this) open.files.erase(found);
}

Result<std::shared_ptr<GrowingFile>> GrowingFile::Append(std::shared_ptr<Client> client,
                                                         S3Url url) {
  std::shared_ptr<GrowingFile> file = Create(std::move(client), std::move(url));
  const Result<ObjectInfo> info = file->client_->Head(file->url_, "", {});
  if (!info.ok() && info.error().code == ErrorCode::kNotFound) return file;
  if (!info.ok()) return info.error();
  file->size_ = info.value().size;
  file->visible_ = Existing{info.value().etag, info.value().size};
  if (file->size_ == 0 || file->size_ >= kLeastCopied) return file;
  FetchOptions options;
  options.if_match = info.value().etag;
  const Result<Fetched> all = file->client_->Get(file->url_, options, {});
  if (!all.ok()) return all.error();
  const Fetched& fetched = all.value();
  file->beginning_.assign(reinterpret_cast<const char*>(fetched.slab->data() + fetched.offset),
                          fetched.size);
  return file;
}

// ---- writing ----

uint64_t GrowingFile::size() const {
  std::lock_guard lock(mutex_);
  return size_;
}

// With what there is already as its beginning.
Status GrowingFile::Begin() {
  UploadOptions options;
  if (visible_ && visible_->size >= kLeastCopied) options.after = visible_;
  auto opened = client_->OpenWriter(url_, options);
  if (!opened.ok()) return opened.error();
  writer_ = std::move(opened).value();
  if (options.after || beginning_.empty()) return Ok();
  const auto* data = reinterpret_cast<const std::byte*>(beginning_.data());
  return writer_->Write({data, beginning_.size()}, {});
}

// Of an error, for all calls that follow.
Status GrowingFile::Keep(Status done) {
  if (!done.ok()) error_ = done.error();
  return done;
}

Status GrowingFile::Write(ConstBytes data) {
  std::lock_guard lock(mutex_);
  if (error_) return *error_;
  if (data.size == 0) return Ok();
  if (!writer_) {
    if (Status begun = Keep(Begin()); !begun.ok()) return begun;
  }
  if (Status written = Keep(writer_->Write(data, {})); !written.ok()) return written;
  size_ += data.size;
  if (size_ < kLeastCopied)
    beginning_.append(reinterpret_cast<const char*>(data.data), data.size);
  else
    std::string().swap(beginning_);
  return Ok();
}

Status GrowingFile::Publish() {
  waiting_ = false;
  const Clock::time_point began = Clock::now();
  Result<PutResult> put = writer_->Close({});
  writer_ = nullptr;
  if (!put.ok()) return Keep(std::move(put).error());
  visible_ = Existing{std::move(put).value().etag, size_};
  const Clock::time_point now = Clock::now();
  next_publication_ = now + std::max(kInterval, kIntervalOfDuration * (now - began));
  return Ok();
}

Status GrowingFile::Flush() {
  std::lock_guard lock(mutex_);
  if (error_) return *error_;
  if (!writer_ || waiting_) return Ok();
  if (Clock::now() >= next_publication_) return Publish();
  waiting_ = true;
  Waiting::Get().Add(shared_from_this(), next_publication_);
  return Ok();
}

Status GrowingFile::Sync() {
  if (IsLog(url_)) return Flush();
  std::lock_guard lock(mutex_);
  if (error_) return *error_;
  return writer_ ? Publish() : Ok();
}

Status GrowingFile::PublishFlushed() {
  std::lock_guard lock(mutex_);
  if (error_) return *error_;
  return waiting_ ? Publish() : Ok();
}

Status GrowingFile::Close() {
  std::lock_guard lock(mutex_);
  if (error_) return *error_;
  if (!writer_ && visible_) return Ok();
  if (!writer_) {  // an empty object
    if (Status begun = Keep(Begin()); !begun.ok()) return begun;
  }
  return Publish();
}

bool GrowingFile::IsFresh() const {
  std::lock_guard lock(mutex_);
  return visible_ && Clock::now() < next_publication_;
}

bool IsFresh(const S3Url& url) {
  OpenFiles& open = GetOpenFiles();
  std::lock_guard lock(open.mutex);
  const auto found = open.files.find({url.bucket, url.key});
  return found != open.files.end() && found->second->IsFresh();
}

Status PublishAllFlushed() {
  return Waiting::Get().Publish([](const auto&) { return true; });
}

Status PublishFlushed(const S3Url& url) {
  return Waiting::Get().Publish([&](const auto& entry) {
    return entry.file->url().bucket == url.bucket && entry.file->url().key == url.key;
  });
}

}  // namespace s3native::tensorflow
