// Listings by way of a memory that is off unless asked for: TensorBoard asks a log directory for
// the same again and again at each look.
//
// Thread-safety: all functions, any thread. Ownership: values.
#pragma once

#include "s3native/client.h"

namespace s3native::tensorflow {

// Whether KeepListings was asked for (s3native/tensorflow.h).
bool AreListingsKept();

// As Client::List. While listings are kept: one page, out of a listing of all that is below the
// prefix, or below one that it begins with.
Result<ListPage> List(const Client& client, const ListRequest& request);

}  // namespace s3native::tensorflow
