#include "s3native/events.h"

#include <utility>

#include "per_process.h"
#include "s3native/stats.h"

namespace s3native {
namespace {

std::atomic<LogLevel> log_level{LogLevel::kOff};
std::atomic<bool> requests_recorded{false};

}  // namespace

std::string ToString(const RequestRecord& record) {
  std::string text = record.operation + " s3://" + record.bucket + "/" + record.key;
  if (!record.range.empty()) text += " " + record.range;
  text += ": " + (record.error.empty() ? "ok" : record.error);
  if (record.http_status != 0) text += ", HTTP " + std::to_string(record.http_status);
  text += ", attempts " + std::to_string(record.attempts);
  text += ", received " + std::to_string(record.bytes_received);
  text += ", sent " + std::to_string(record.bytes_sent);
  text += ", first byte after " + std::to_string(record.first_byte_us) + " us";
  text += ", all after " + std::to_string(record.total_us) + " us";
  text += ", connection " + std::to_string(record.connection);
  if (!record.request_id.empty()) text += ", request ID " + record.request_id;
  return text;
}

void EventQueue::Push(Event event) {
  std::lock_guard lock(mutex_);
  if (events_.size() == kCapacity) {
    GlobalCounters().events_dropped.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  events_.push_back(std::move(event));
  // The reader takes all there are: only the first one has to wake it.
  if (events_.size() == 1) arrived_.notify_one();
}

std::vector<Event> EventQueue::Take(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  arrived_.wait_for(lock, timeout, [&] { return !events_.empty() || woken_; });
  woken_ = false;
  std::vector<Event> taken(std::make_move_iterator(events_.begin()),
                           std::make_move_iterator(events_.end()));
  events_.clear();
  return taken;
}

void EventQueue::Wake() {
  std::lock_guard lock(mutex_);
  woken_ = true;
  arrived_.notify_one();
}

EventQueue& GetEventQueue() {
  static PerProcess<EventQueue> queues;
  return queues.Get([] { return EventQueue(); });
}

void SetLogLevel(LogLevel level) { log_level.store(level, std::memory_order_relaxed); }
void SetRecordRequests(bool wanted) { requests_recorded.store(wanted, std::memory_order_relaxed); }
bool IsLogged(LogLevel level) {
  return level != LogLevel::kOff && level <= log_level.load(std::memory_order_relaxed);
}
bool AreRequestsRecorded() { return requests_recorded.load(std::memory_order_relaxed); }

void Log(LogLevel level, std::string text) {
  GetEventQueue().Push(LogLine{level, std::move(text)});
}

}  // namespace s3native
