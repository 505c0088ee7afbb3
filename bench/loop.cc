#include "loop.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

namespace s3native::bench {
namespace {

struct Round {
  double seconds = 0;
  double user_s = 0;
  double system_s = 0;
};

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

Round RunOnce(const Arguments& arguments, const MovePart& move) {
  std::atomic<size_t> next{0};
  const auto work = [&](unsigned thread) {
    for (;;) {
      const size_t offset = next.fetch_add(arguments.part_size);
      if (offset >= arguments.size) return;
      move(thread, offset, std::min(arguments.part_size, arguments.size - offset));
    }
  };
  rusage before{}, after{};
  getrusage(RUSAGE_SELF, &before);
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < arguments.threads; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  getrusage(RUSAGE_SELF, &after);
  return {elapsed.count(), Seconds(after.ru_utime) - Seconds(before.ru_utime),
          Seconds(after.ru_stime) - Seconds(before.ru_stime)};
}

}  // namespace

Memory::Memory(size_t size) : size_(size) {
  void* const pages =
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) Die("mmap");
  madvise(pages, size, MADV_HUGEPAGE);
  memset(pages, 1, size);
  data_ = static_cast<char*>(pages);
}

Memory::~Memory() { munmap(data_, size_); }

Arguments ParseArguments(int argc, char** argv) {
  if (argc != 8) {
    fprintf(stderr, "usage: %s HOST PORT PATH SIZE THREADS PART_SIZE ROUNDS (sizes in bytes)\n",
            argv[0]);
    exit(2);
  }
  return {argv[1],
          static_cast<uint16_t>(atoi(argv[2])),
          argv[3],
          strtoull(argv[4], nullptr, 10),
          static_cast<unsigned>(atoi(argv[5])),
          strtoull(argv[6], nullptr, 10),
          atoi(argv[7])};
}

void Die(const char* what) {
  perror(what);
  exit(1);
}

int Connect(const Arguments& arguments) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  const int one = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(arguments.port);
  inet_pton(AF_INET, arguments.host.c_str(), &address.sin_addr);
  if (connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) Die("connect");
  return socket;
}

std::string RangeRequest(const Arguments& arguments, size_t offset, size_t size) {
  return "GET " + arguments.path + " HTTP/1.1\r\nHost: " + arguments.host +
         "\r\nRange: bytes=" + std::to_string(offset) + "-" + std::to_string(offset + size - 1) +
         "\r\n\r\n";
}

size_t BodyOffset(const char* head, size_t head_size) {
  const auto* const end = static_cast<const char*>(memmem(head, head_size, "\r\n\r\n", 4));
  if (end == nullptr) return 0;
  if (memcmp(head, "HTTP/1.1 2", 10) != 0) {
    fprintf(stderr, "the server answered:\n%.*s\n", static_cast<int>(end - head), head);
    exit(1);
  }
  return static_cast<size_t>(end - head) + 4;
}

void RunRounds(const Arguments& arguments, const MovePart& move) {
  RunOnce(arguments, move);
  const double gigabytes = static_cast<double>(arguments.size) / 1e9;
  std::vector<double> rates, costs;
  std::string each;
  for (int i = 0; i < arguments.rounds; ++i) {
    const Round round = RunOnce(arguments, move);
    rates.push_back(gigabytes / round.seconds);
    costs.push_back((round.user_s + round.system_s) / gigabytes);
    char text[128];
    snprintf(text, sizeof text, "%s{\"seconds\": %.6f, \"user_s\": %.6f, \"system_s\": %.6f}",
             i == 0 ? "" : ", ", round.seconds, round.user_s, round.system_s);
    each += text;
  }
  printf("{\"gb_s\": %.3f, \"cpu_s_per_gb\": %.3f, \"bytes\": %zu, \"rounds\": [%s]}\n",
         Median(rates), Median(costs), arguments.size, each.c_str());
}

}  // namespace s3native::bench
