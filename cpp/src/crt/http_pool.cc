#include "crt/http_pool.h"

#include <algorithm>
#include <utility>

#include "crt/loop_task.h"
#include "steady_clock.h"

namespace s3native::crt {
namespace {

// How long a connection rests unwatched; its loop then notices when the server hangs up. S3 does
// that after 20 s.
constexpr uint64_t kMaxParkedMs = 2'000;

}  // namespace

void HttpPool::Submit(ExchangePtr exchange) {
  std::unique_lock lock(mutex_);
  if (const int crt_code = exchange->withdrawn) {
    lock.unlock();
    return exchange->Finished(crt_code);
  }
  if (const HttpConnectionPtr connection = TakeResting()) {
    exchange->connection = connection;
    lock.unlock();
    return connection->Run(std::move(exchange));
  }
  const auto behind_urgent = [&] {
    return std::find_if(queue_.begin(), queue_.end(),
                        [](const ExchangePtr& other) { return !other->IsUrgent(); });
  };
  const Config& config = settings_->config();
  const size_t most = exchange->IsSmall() ? config.SmallConnections() : config.Connections();
  queue_.insert(exchange->IsUrgent() ? behind_urgent() : queue_.end(), std::move(exchange));
  if (open_ >= most) return;
  ++open_;
  lock.unlock();
  Open();
}

// On the connection that was in use last, which is the one most likely to live.
bool HttpPool::SubmitHere(const ExchangePtr& exchange) {
  while (true) {
    HttpConnectionPtr connection;
    {
      std::lock_guard lock(mutex_);
      if (parked_.empty()) return false;
      connection = std::move(parked_.back().connection);
      parked_.pop_back();
    }
    if (connection->RunHere(exchange)) return true;
  }
}

HttpConnectionPtr HttpPool::TakeResting() {
  HttpConnectionPtr connection;
  if (!idle_.empty()) {
    connection = std::move(idle_.back());
    idle_.pop_back();
  } else if (!parked_.empty()) {
    connection = std::move(parked_.back().connection);
    parked_.pop_back();
  }
  return connection;
}

void HttpPool::Withdraw(const ExchangePtr& exchange, int crt_code) {
  {
    std::lock_guard lock(mutex_);
    if (exchange->connection) return exchange->connection->Cancel(exchange, crt_code);
    exchange->withdrawn = crt_code;
    const auto queued = std::find(queue_.begin(), queue_.end(), exchange);
    if (queued == queue_.end()) return;  // on its way here
    queue_.erase(queued);
  }
  exchange->Finished(crt_code);
}

void HttpPool::Forget(const ExchangePtr& exchange) {
  std::lock_guard lock(mutex_);
  exchange->connection.reset();
}

void HttpPool::Close() {
  std::vector<HttpConnectionPtr> resting;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    while (HttpConnectionPtr connection = TakeResting()) resting.push_back(std::move(connection));
  }
  for (const HttpConnectionPtr& connection : resting) connection->Close();
}

void HttpPool::Open() {
  aws_event_loop_group* loops = settings_->runtime().event_loops();
  size_t index = 0;
  {
    std::lock_guard lock(mutex_);
    index = opened_++ % aws_event_loop_group_get_loop_count(loops);
  }
  std::make_shared<HttpConnection>(settings_, host_, shared_from_this(),
                                   aws_event_loop_group_get_loop_at(loops, index))
      ->Open();
}

ExchangePtr HttpPool::Next(const HttpConnectionPtr& connection, bool after_driven) {
  std::unique_lock lock(mutex_);
  if (!queue_.empty()) {
    ExchangePtr next = std::move(queue_.front());
    queue_.pop_front();
    next->connection = connection;
    return next;
  }
  if (!closed_) {
    after_driven ? Park(connection) : idle_.push_back(connection);
    return nullptr;
  }
  lock.unlock();
  connection->Close();
  return nullptr;
}

void HttpPool::Park(const HttpConnectionPtr& connection) {
  connection->Unwatch();
  parked_.push_back({connection, NowMicroseconds()});
  if (!std::exchange(sweeping_, true)) SweepLater();
}

void HttpPool::SweepLater() {
  aws_event_loop* loop = aws_event_loop_group_get_loop_at(settings_->runtime().event_loops(), 0);
  PostAfter(loop, kMaxParkedMs, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->Sweep();
  });
}

void HttpPool::Sweep() {
  std::vector<HttpConnectionPtr> old;
  {
    std::lock_guard lock(mutex_);
    const uint64_t now_us = NowMicroseconds();
    const auto young = std::find_if(parked_.begin(), parked_.end(), [&](const Parked& parked) {
      return now_us - parked.since_us < kMaxParkedMs * 1000;
    });
    for (auto parked = parked_.begin(); parked != young; ++parked)
      old.push_back(std::move(parked->connection));
    parked_.erase(parked_.begin(), young);
    sweeping_ = !parked_.empty();
    if (sweeping_) SweepLater();
  }
  for (const HttpConnectionPtr& connection : old) connection->WatchAgain();
}

void HttpPool::Gone(const HttpConnectionPtr& connection, int crt_code) {
  std::deque<ExchangePtr> stranded;
  bool reopen = false;
  {
    std::lock_guard lock(mutex_);
    --open_;
    std::erase(idle_, connection);
    if (crt_code != 0) {
      // Could not be opened: what waits is for the others or, without any, for nobody.
      if (open_ == 0) stranded.swap(queue_);
    } else if (!queue_.empty()) {
      reopen = true;
      ++open_;
    }
  }
  if (reopen) Open();
  for (const ExchangePtr& exchange : stranded) exchange->Finished(crt_code);
}

}  // namespace s3native::crt
