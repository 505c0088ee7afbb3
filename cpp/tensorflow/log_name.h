// Logs of training, which grow while they are read. Thread-safety: a pure function.
#pragma once

#include <string>

#include "s3native/object.h"

namespace s3native::tensorflow {

// What tf.summary and Keras put into the names of their logs.
inline bool IsLog(const S3Url& url) { return url.key.find(".tfevents.") != std::string::npos; }

}  // namespace s3native::tensorflow
