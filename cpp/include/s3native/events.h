// What the engine tells of its work: log lines, and a record of each request. Both are off until
// somebody wants them and then cost an atomic load each; both wait in one bounded queue for a
// reader, and what does not fit is dropped and counted. No secret gets in: requests are signed in
// headers, and no header is told. Thread-safety: any thread. Ownership: by value; the queue lives
// as long as the process, and a forked child has one of its own.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

namespace s3native {

enum class LogLevel : int { kOff, kError, kWarning, kInfo, kDebug, kTrace };

struct LogLine {
  LogLevel level = LogLevel::kInfo;
  std::string text;
};

// One request of an operation, its retries included.
struct RequestRecord {
  std::string operation;  // S3's name, such as "GetObject"
  std::string bucket;
  std::string key;
  std::string range;            // half-open "[start, end)" or empty
  std::string error;            // ErrorCodeName, empty when it went well
  int http_status = 0;          // of the last attempt; 0: no answer
  int attempts = 0;             // HTTP requests sent
  uint64_t bytes_received = 0;  // of the answer's body
  uint64_t bytes_sent = 0;      // of the request's body, once
  uint64_t first_byte_us = 0;   // from sending the last attempt to its answer's head; 0: no answer
  uint64_t total_us = 0;        // from the call to its end, waits between attempts included
  uint64_t connection = 0;      // the last attempt's connection, counted from 1; 0: none
  std::string request_id;       // x-amz-request-id
};

// As a log line.
std::string ToString(const RequestRecord& record);

using Event = std::variant<LogLine, RequestRecord>;

class EventQueue {
 public:
  static constexpr size_t kCapacity = 65'536;

  void Push(Event event);
  // Waits for an event, at most so long, and takes all there are.
  std::vector<Event> Take(std::chrono::milliseconds timeout);
  // Ends a wait in Take.
  void Wake();

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Event> events_;
  bool woken_ = false;
};

EventQueue& GetEventQueue();

// What is wanted, for the whole process. At first nothing is.
void SetLogLevel(LogLevel level);
void SetRecordRequests(bool wanted);
bool IsLogged(LogLevel level);
bool AreRequestsRecorded();

// Pushes a line; callers ask IsLogged first, so that a line nobody wants is not made.
void Log(LogLevel level, std::string text);

}  // namespace s3native
