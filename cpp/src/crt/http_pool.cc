#include "crt/http_pool.h"

#include <algorithm>

namespace s3native::crt {

void HttpPool::Submit(ExchangePtr exchange) {
  std::unique_lock lock(mutex_);
  if (const int crt_code = exchange->withdrawn) {
    lock.unlock();
    return exchange->Finished(crt_code);
  }
  if (!idle_.empty()) {
    const HttpConnectionPtr connection = std::move(idle_.back());
    idle_.pop_back();
    exchange->connection = connection;
    lock.unlock();
    return connection->Run(std::move(exchange));
  }
  const auto behind_urgent = [&] {
    return std::find_if(queue_.begin(), queue_.end(),
                        [](const ExchangePtr& other) { return !other->IsUrgent(); });
  };
  queue_.insert(exchange->IsUrgent() ? behind_urgent() : queue_.end(), std::move(exchange));
  if (open_ >= max_connections_) return;
  ++open_;
  lock.unlock();
  Open();
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
  std::vector<HttpConnectionPtr> idle;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    idle.swap(idle_);
  }
  for (const HttpConnectionPtr& connection : idle) connection->Close();
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

ExchangePtr HttpPool::Next(const HttpConnectionPtr& connection) {
  std::unique_lock lock(mutex_);
  if (!queue_.empty()) {
    ExchangePtr next = std::move(queue_.front());
    queue_.pop_front();
    next->connection = connection;
    return next;
  }
  if (!closed_) {
    idle_.push_back(connection);
    return nullptr;
  }
  lock.unlock();
  connection->Close();
  return nullptr;
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
