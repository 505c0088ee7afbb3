// The CRT's own log lines, among ours. Only those about sockets, TLS, names and event loops are let
// through from the level of information on: what signs and finds credentials logs secrets there.
// Thread-safety: installed once, before the CRT has threads. Ownership: lives as long as the
// process.
#pragma once

namespace s3native::crt {

void InstallLogger();

}  // namespace s3native::crt
