// The limit for small reads on the bare CRT: one ranged GET at a time through aws-c-s3's C API into
// caller memory. Usage: crt_spike HOST PORT PATH SIZE COUNT [FRAGMENT_SIZE]. Prints one JSON line:
// each latency in microseconds, and CPU (user + system) in microseconds per GET.
#include <aws/auth/credentials.h>
#include <aws/common/byte_buf.h>
#include <aws/http/request_response.h>
#include <aws/io/channel.h>
#include <aws/io/channel_bootstrap.h>
#include <aws/io/event_loop.h>
#include <aws/io/host_resolver.h>
#include <aws/io/uri.h>
#include <aws/s3/s3.h>
#include <aws/s3/s3_client.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int kWarmUpCount = 200;
constexpr char kRegion[] = "us-east-1";

struct Arguments {
  std::string authority;  // host:port
  std::string path;
  size_t size = 0;
  int count = 0;
};

[[noreturn]] void Die(const char* what, int error) {
  fprintf(stderr, "%s: %s\n", what, aws_error_str(error));
  exit(1);
}

// One client for unsigned requests to one plain endpoint; lives as long as the process.
class Client {
 public:
  explicit Client(const Arguments& arguments)
      : allocator_(aws_default_allocator()), arguments_(arguments), buffer_(arguments.size) {
    aws_s3_library_init(allocator_);
    credentials_ = aws_credentials_new_anonymous(allocator_);
    aws_s3_init_default_signing_config(&signing_, aws_byte_cursor_from_c_str(kRegion), nullptr);
    signing_.credentials = credentials_;
    const std::string endpoint = "http://" + arguments.authority;
    const aws_byte_cursor cursor = aws_byte_cursor_from_c_str(endpoint.c_str());
    if (aws_uri_init_parse(&endpoint_, allocator_, &cursor) != AWS_OP_SUCCESS) {
      Die("endpoint", aws_last_error());
    }
    aws_s3_client_config config{};
    config.region = aws_byte_cursor_from_c_str(kRegion);
    config.client_bootstrap = MakeBootstrap();
    config.tls_mode = AWS_MR_TLS_DISABLED;
    config.signing_config = &signing_;
    config.throughput_target_gbps = 10;
    client_ = aws_s3_client_new(allocator_, &config);
    if (client_ == nullptr) Die("client", aws_last_error());
  }

  // Microseconds from the call to the last byte.
  double Get() {
    const auto start = std::chrono::steady_clock::now();
    aws_byte_buf destination = aws_byte_buf_from_empty_array(buffer_.data(), buffer_.size());
    aws_http_message* const message = MakeMessage();
    aws_s3_meta_request_options options{};
    options.type = AWS_S3_META_REQUEST_TYPE_GET_OBJECT;
    options.message = message;
    options.signing_config = &signing_;
    options.endpoint = &endpoint_;
    options.recv_buffer = &destination;
    options.user_data = this;
    options.finish_callback = [](aws_s3_meta_request*, const aws_s3_meta_request_result* result,
                                 void* self) {
      if (result->error_code != 0) Die("GET", result->error_code);
      static_cast<Client*>(self)->finished_.release();
    };
    aws_s3_meta_request* const request = aws_s3_client_make_meta_request(client_, &options);
    if (request == nullptr) Die("meta request", aws_last_error());
    finished_.acquire();
    const std::chrono::duration<double, std::micro> elapsed =
        std::chrono::steady_clock::now() - start;
    aws_s3_meta_request_release(request);
    aws_http_message_release(message);
    return elapsed.count();
  }

 private:
  aws_client_bootstrap* MakeBootstrap() {
    const auto loops = static_cast<uint16_t>(std::max(1U, std::thread::hardware_concurrency()));
    aws_event_loop_group* const group =
        aws_event_loop_group_new_default(allocator_, loops, nullptr);
    aws_host_resolver_default_options resolver{};
    resolver.el_group = group;
    resolver.max_entries = 8;
    aws_client_bootstrap_options options{};
    options.event_loop_group = group;
    options.host_resolver = aws_host_resolver_new_default(allocator_, &resolver);
    return aws_client_bootstrap_new(allocator_, &options);
  }

  aws_http_message* MakeMessage() {
    aws_http_message* const message = aws_http_message_new_request(allocator_);
    aws_http_message_set_request_method(message, aws_http_method_get);
    aws_http_message_set_request_path(message, aws_byte_cursor_from_c_str(arguments_.path.c_str()));
    AddHeader(message, "Host", arguments_.authority);
    AddHeader(message, "Range", "bytes=0-" + std::to_string(arguments_.size - 1));
    return message;
  }

  static void AddHeader(aws_http_message* message, const char* name, const std::string& value) {
    aws_http_header header{};
    header.name = aws_byte_cursor_from_c_str(name);
    header.value = aws_byte_cursor_from_c_str(value.c_str());
    aws_http_message_add_header(message, header);
  }

  aws_allocator* allocator_;
  Arguments arguments_;
  std::vector<char> buffer_;
  aws_credentials* credentials_ = nullptr;
  aws_signing_config_aws signing_{};
  aws_uri endpoint_{};
  aws_s3_client* client_ = nullptr;
  std::binary_semaphore finished_{0};
};

double CpuMicroseconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

void Measure(Client& client, int count) {
  for (int i = 0; i < kWarmUpCount; ++i) client.Get();
  std::vector<double> latencies;
  const double cpu = CpuMicroseconds();
  for (int i = 0; i < count; ++i) latencies.push_back(client.Get());
  const double spent = CpuMicroseconds() - cpu;
  printf("{\"cpu_us\": %.1f, \"latencies_us\": [", spent / count);
  for (size_t i = 0; i < latencies.size(); ++i) printf(i == 0 ? "%.1f" : ", %.1f", latencies[i]);
  printf("]}\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) {
    fprintf(stderr, "usage: %s HOST PORT PATH SIZE COUNT [FRAGMENT_SIZE] (sizes in bytes)\n",
            argv[0]);
    return 2;
  }
  if (argc > 6) g_aws_channel_max_fragment_size = strtoull(argv[6], nullptr, 10);
  const Arguments arguments{std::string(argv[1]) + ":" + argv[2], argv[3],
                            strtoull(argv[4], nullptr, 10), std::max(1, atoi(argv[5]))};
  static Client client(arguments);
  Measure(client, arguments.count);
  fflush(stdout);
  _exit(0);  // the CRT's threads need not be taken down
}
