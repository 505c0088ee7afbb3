#include "fetch.h"

#include <algorithm>
#include <cstring>

#include "checksum_text.h"
#include "s3native/checksums.h"

namespace s3native {

size_t Fetch::FirstSize() {
  if (first_size_ != 0 || EmptyRange()) return first_size_;
  if (destination_.data != nullptr) return first_size_ = destination_.size;
  if (options_.range && options_.range->end) {
    return first_size_ = static_cast<size_t>(*options_.range->end - options_.range->start);
  }
  return first_size_ = SlabPool::SizeClass(expected_size_.value_or(predictor_.Predict()));
}

void Fetch::Start(std::function<void()> arrived) {
  if (EmptyRange()) return arrived();  // nothing to ask for
  GetRequest request;
  request.url = url_;
  request.if_match = options_.if_match;
  request.version_id = options_.version_id;
  request.destination = destination_;
  if (destination_.data == nullptr) {
    fetched_.slab = pool_.Allocate(FirstSize());
    request.destination = {fetched_.slab->data(), FirstSize()};
  }
  request.range.start = options_.range ? options_.range->start : 0;
  request.range.end = request.range.start + FirstSize();
  request.whole = !options_.range;
  Send(std::move(request), std::move(arrived));
}

size_t Fetch::MoreSize() const {
  const uint64_t start = options_.range ? options_.range->start : 0;
  return static_cast<size_t>(fetched_.info.size - start);
}

void Fetch::Continue(std::function<void()> arrived) {
  // The first bytes move once; they are at most one prediction, which is bounded by the part size.
  SlabPtr whole = pool_.Allocate(MoreSize());
  std::memcpy(whole->data(), fetched_.slab->data(), fetched_.size);
  fetched_.slab = std::move(whole);
  continued_ = true;
  needs_more_ = false;
  GetRequest request;
  request.url = url_;
  request.if_match = fetched_.info.etag;
  request.version_id = options_.version_id;
  const uint64_t start = (options_.range ? options_.range->start : 0) + fetched_.size;
  request.range = {start, fetched_.info.size};
  request.destination = {fetched_.slab->data() + fetched_.size, MoreSize() - fetched_.size};
  Send(std::move(request), std::move(arrived));
}

void Fetch::Send(GetRequest request, std::function<void()> arrived) {
  request.driven = driven_;
  request.on_tail = on_tail_;
  OperationPtr operation = store_.Get(
      std::move(request), [this, arrived = std::move(arrived)](Result<GetResult> result) {
        OnFirst(std::move(result));
        arrived();  // may hand this fetch to another thread: touch nothing after
      });
  operation_ = std::move(operation);
}

void Fetch::OnFirst(Result<GetResult> result) {
  if (!result.ok()) {
    error_ = std::move(result).error();
    return;
  }
  GetResult& got = result.value();
  if (continued_ && got.info.etag != fetched_.info.etag) {
    error_ = Failed(ErrorCode::kPreconditionFailed, "was overwritten during the read: start again");
    return;
  }
  fetched_.size += got.received;
  if (!continued_) fetched_.info = std::move(got.info);
  const bool open_ended = !options_.range || !options_.range->end;
  const uint64_t start = options_.range ? options_.range->start : 0;
  const uint64_t size = fetched_.info.size;
  if (!open_ended || size < start) return;
  if (!options_.range && !continued_) predictor_.Observe(size);
  if (fetched_.size == size - start) return;
  if (!continued_ && destination_.data == nullptr) {
    needs_more_ = true;
    return;
  }
  const std::string has = "has " + std::to_string(size - start) + " bytes to read, but ";
  error_ = continued_
               ? Failed(ErrorCode::kIntegrity, has + std::to_string(fetched_.size) + " arrived")
               : Failed(ErrorCode::kInvalidArgument,
                        has + "the buffer holds " + std::to_string(destination_.size));
}

Error Fetch::Failed(ErrorCode code, const std::string& what) const {
  Error error = ObjectError(code, "GetObject", url_, url_.ToString() + " " + what);
  error.retryable = code == ErrorCode::kIntegrity;
  return error;
}

void Fetch::Cancel() {
  if (operation_) operation_->Cancel();
}

Result<Fetched> Fetch::Take() {
  operation_.reset();
  if (error_) return std::move(*error_);
  // A store verifies only what it gave in one piece.
  if (continued_ && !options_.range && !fetched_.info.checksum_crc64nvme.empty() &&
      Crc64ToBase64(Crc64Nvme(fetched_.slab->data(), fetched_.size)) !=
          fetched_.info.checksum_crc64nvme) {
    return Failed(ErrorCode::kIntegrity, "arrived with bytes that do not match its CRC64NVME");
  }
  if (fetched_.size == 0) fetched_.slab.reset();
  return std::move(fetched_);
}

}  // namespace s3native
