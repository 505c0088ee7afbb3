#include "s3native/limit_loop.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>

#include "crt/runtime.h"
#include "crt/tls_stream.h"
#include "http_head.h"

namespace s3native::crt {
namespace {

constexpr int kStallSeconds = 60;
constexpr size_t kScratchSize = 64 * 1024;
constexpr size_t kSendStep = 256 * 1024;

using Clock = std::chrono::steady_clock;

double Since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Anonymous pages, all written to.
class WarmMemory {
 public:
  explicit WarmMemory(size_t size) : size_(std::max<size_t>(size, 1)) {
    void* pages = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) return;
    madvise(pages, size_, MADV_HUGEPAGE);
    std::memset(pages, 1, size_);
    data_ = static_cast<char*>(pages);
  }
  ~WarmMemory() {
    if (data_ != nullptr) munmap(data_, size_);
  }
  WarmMemory(const WarmMemory&) = delete;
  WarmMemory& operator=(const WarmMemory&) = delete;
  char* data() const { return data_; }

 private:
  char* data_ = nullptr;
  size_t size_;
};

int OpenSocket(const LimitTarget& target) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(target.host.c_str(), std::to_string(target.port).c_str(), &hints, &found) != 0)
    return -1;
  int socket = -1;
  for (const addrinfo* each = found; each != nullptr && socket < 0; each = each->ai_next) {
    socket = ::socket(each->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket >= 0 && connect(socket, each->ai_addr, each->ai_addrlen) != 0) {
      close(socket);
      socket = -1;
    }
  }
  freeaddrinfo(found);
  if (socket < 0) return -1;
  const int one = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  const timeval stall{kStallSeconds, 0};
  setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &stall, sizeof stall);
  setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &stall, sizeof stall);
  return socket;
}

// One thread's connection: opened when it is first needed, or is no longer usable.
class LimitConnection {
 public:
  LimitConnection(const LimitTarget& target, std::shared_ptr<TlsSettings> tls)
      : target_(target), settings_(std::move(tls)), scratch_(kScratchSize) {}
  ~LimitConnection() { Close(); }
  LimitConnection(const LimitConnection&) = delete;
  LimitConnection& operator=(const LimitConnection&) = delete;

  // The response's status, or 0.
  int Do(const LimitRequest& request, char* memory) {
    if (!Open()) return 0;
    const int status = Exchange(request, memory + request.offset);
    if (status == 0) Close();
    return status;
  }

 private:
  bool Open() {
    if (socket_ >= 0) {
      pollfd idle{socket_, POLLIN, 0};
      if (poll(&idle, 1, 0) == 0) return true;
      Close();  // an idle connection has nothing to say but that it ends
    }
    socket_ = OpenSocket(target_);
    if (socket_ < 0) return false;
    if (!target_.tls) return true;
    // A TLS stream reads on while it can.
    fcntl(socket_, F_SETFL, fcntl(socket_, F_GETFL) | O_NONBLOCK);
    tls_.emplace(settings_, target_.host, socket_);
    const bool agreed = Finish([&] { return tls_->Negotiate(); });
    if (!agreed) Close();
    return agreed;
  }

  // Calls `step` until it is done; false when it cannot be.
  template <typename Step>
  bool Finish(Step step) {
    for (;;) {
      const TlsStatus status = step();
      if (status != TlsStatus::kWouldBlock) return status == TlsStatus::kDone;
      const short events = tls_->IsSending() ? POLLOUT : POLLIN;
      pollfd waiting{socket_, events, 0};
      if (poll(&waiting, 1, kStallSeconds * 1000) <= 0) return false;
    }
  }

  void Close() {
    tls_.reset();
    if (socket_ >= 0) close(socket_);
    socket_ = -1;
  }

  int Exchange(const LimitRequest& request, char* memory) {
    if (!Send(request.head.data(), request.head.size(), request.sends ? MSG_MORE : 0)) return 0;
    if (request.sends && !Send(memory, request.size, 0)) return 0;
    HttpHead head;
    size_t held = 0;
    for (HttpParse parsed = HttpParse::kIncomplete; parsed != HttpParse::kComplete;) {
      const size_t got = held < kScratchSize ? Receive(&scratch_[held], kScratchSize - held) : 0;
      if (got == 0) return 0;
      held += got;
      parsed = ParseHttpHead({scratch_.data(), held}, &head);
      if (parsed == HttpParse::kMalformed) return 0;
      if (parsed == HttpParse::kComplete && head.status == 100) {
        held -= head.size;
        std::memmove(scratch_.data(), &scratch_[head.size], held);
        parsed = HttpParse::kIncomplete;
      }
    }
    const int status = head.status;
    const bool keep_alive = head.keep_alive;
    const bool bodiless = !request.has_body || status == 204 || status == 304;
    const bool keeps = !request.sends && request.size != 0 && status / 100 == 2;
    if (!bodiless && !ReceiveBody(head, held, keeps ? memory : nullptr, request.size)) return 0;
    if (!keep_alive) Close();
    return status;
  }

  // `held` bytes of head and body are in the scratch; `into` is null for what is dropped.
  bool ReceiveBody(const HttpHead& head, size_t held, char* into, uint64_t room) {
    if (head.chunked) return DropChunks(std::string(&scratch_[head.size], held - head.size));
    const uint64_t size = head.content_length.value_or(0);
    uint64_t done = held - head.size;
    if (done > size || (into != nullptr && size != room)) return false;
    if (into != nullptr) std::memcpy(into, &scratch_[head.size], done);
    while (done < size) {
      const uint64_t left = size - done;
      const size_t got = into != nullptr
                             ? Receive(into + done, left)
                             : Receive(scratch_.data(), std::min<uint64_t>(left, kScratchSize));
      if (got == 0) return false;
      done += got;
    }
    return true;
  }

  bool DropChunks(std::string text) {
    std::string body;
    size_t used = 0;
    for (;;) {
      body.clear();
      const HttpParse parsed = DecodeChunked(text, &body, &used);
      if (parsed != HttpParse::kIncomplete) return parsed == HttpParse::kComplete;
      const size_t got = Receive(scratch_.data(), kScratchSize);
      if (got == 0) return false;
      text.append(scratch_.data(), got);
    }
  }

  bool Send(const char* data, size_t size, int flags) {
    while (size > 0) {
      size_t sent = 0;
      if (tls_) {
        if (!Finish([&] { return tls_->Send(data, std::min(size, kSendStep), &sent); }) ||
            !Finish([&] { return tls_->SendRest(); }))
          return false;
      } else {
        const ssize_t count = send(socket_, data, std::min(size, kSendStep), flags | MSG_NOSIGNAL);
        if (count <= 0) return false;
        sent = static_cast<size_t>(count);
      }
      data += sent;
      size -= sent;
    }
    return true;
  }

  // At least one byte, or 0 when there is nothing more to come.
  size_t Receive(char* into, size_t size) {
    if (!tls_) return static_cast<size_t>(std::max<ssize_t>(recv(socket_, into, size, 0), 0));
    size_t received = 0;
    while (received == 0 && Finish([&] { return tls_->Receive(into, size, &received); })) {
    }
    return received;
  }

  const LimitTarget& target_;
  std::shared_ptr<TlsSettings> settings_;
  std::vector<char> scratch_;
  int socket_ = -1;
  std::optional<TlsStream> tls_;
};

uint64_t MemorySize(const std::vector<LimitRequest>& requests) {
  uint64_t size = 0;
  for (const LimitRequest& each : requests) size = std::max(size, each.offset + each.size);
  return size;
}

class BlockingLoop : public LimitLoop {
 public:
  BlockingLoop(LimitTarget target, std::shared_ptr<TlsSettings> tls, unsigned threads,
               std::vector<LimitRequest> requests)
      : target_(std::move(target)), requests_(std::move(requests)), memory_(MemorySize(requests_)) {
    for (unsigned i = 0; i < std::max(threads, 1U); ++i)
      connections_.push_back(std::make_unique<LimitConnection>(target_, tls));
  }

  LimitRound Run() override {
    LimitRound round{0, std::vector<double>(requests_.size()), std::vector<int>(requests_.size())};
    if (memory_.data() == nullptr) return round;
    std::atomic<size_t> next{0};
    const auto work = [&](LimitConnection* connection) {
      for (size_t i = next++; i < requests_.size(); i = next++) {
        const Clock::time_point start = Clock::now();
        round.statuses[i] = connection->Do(requests_[i], memory_.data());
        round.latencies_us[i] = Since(start) * 1e6;
      }
    };
    const Clock::time_point start = Clock::now();
    std::vector<std::thread> threads;
    for (size_t i = 1; i < connections_.size(); ++i)
      threads.emplace_back(work, connections_[i].get());
    work(connections_[0].get());
    for (std::thread& thread : threads) thread.join();
    round.seconds = Since(start);
    return round;
  }

 private:
  const LimitTarget target_;
  const std::vector<LimitRequest> requests_;
  const WarmMemory memory_;
  std::vector<std::unique_ptr<LimitConnection>> connections_;
};

}  // namespace
}  // namespace s3native::crt

namespace s3native {

Result<std::unique_ptr<LimitLoop>> LimitLoop::Create(LimitTarget target, unsigned threads,
                                                     std::vector<LimitRequest> requests) {
  std::shared_ptr<crt::TlsSettings> tls;
  if (target.tls) {
    crt::Allocator();  // which initialises TLS
    Config config;
    config.ca_bundle = target.ca_bundle;
    Result<std::shared_ptr<crt::TlsSettings>> made = crt::TlsSettings::Create(config);
    if (!made.ok()) return std::move(made).error();
    tls = std::move(made).value();
  }
  return std::unique_ptr<LimitLoop>(std::make_unique<crt::BlockingLoop>(
      std::move(target), std::move(tls), threads, std::move(requests)));
}

}  // namespace s3native
