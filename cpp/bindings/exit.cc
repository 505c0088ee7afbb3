// Exit with requests in flight. The CRT's crypto library has a destructor that deletes aws-lc's
// thread-local key when the process exits; event loop threads that sign or speak TLS at that moment
// then crash. The extension is linked with
// --wrap=AWSLC_thread_local_shutdown, so the destructor calls this instead, and the kernel cleans
// up.
extern "C" __attribute__((visibility("hidden"))) int __wrap_AWSLC_thread_local_shutdown() {
  return 1;
}
