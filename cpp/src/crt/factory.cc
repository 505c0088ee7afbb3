#include "crt/factory.h"

#include "crt/crt_store.h"
#include "crt/presign.h"

namespace s3native::crt {

Result<Service> MakeService(const Config& config) {
  auto connection = Connection::Create(config);
  if (!connection.ok()) return std::move(connection).error();
  Service service;
  service.store = std::make_shared<CrtStore>(connection.value());
  service.presign = [connection = connection.value()](const PresignRequest& request) {
    return PresignUrl(*connection, request);
  };
  return service;
}

}  // namespace s3native::crt
