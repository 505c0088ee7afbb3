// Fetching an object, or a range of one, whose size may be unknown: a first GET of predicted size,
// and a second for the rest when the object turns out to be larger. Thread-safety: Start and
// Continue on the caller's thread; the completion may run on a thread of the store, after which the
// fetch belongs to the caller again. Ownership: keep the fetch alive until its completion has run.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "s3native/client.h"
#include "size_predictor.h"

namespace s3native {

class Fetch {
 public:
  Fetch(ObjectStore& store, SlabPool& pool, SizePredictor& predictor, S3Url url,
        FetchOptions options)
      : store_(store),
        pool_(pool),
        predictor_(predictor),
        url_(std::move(url)),
        options_(std::move(options)) {}

  // Receives into the caller's memory instead of a slab; the range must be given or fit.
  void set_destination(MutableBytes destination) { destination_ = destination; }
  // Known without being sure of it: what the first request asks for.
  void set_expected_size(uint64_t size) { expected_size_ = size; }
  // As GetRequest::on_tail, of each request.
  void set_on_tail(std::function<void()> on_tail) { on_tail_ = std::move(on_tail); }
  // Drive will be called until `arrived` has been.
  void set_driven() { driven_ = true; }
  // Bytes of memory the first request will take; decided on first call.
  size_t FirstSize();
  // Sends the first request. `arrived` runs once; then ask NeedsMore().
  void Start(std::function<void()> arrived);
  // True when the object is larger than predicted: call Continue() from a thread that may allocate.
  bool NeedsMore() const { return needs_more_; }
  // Bytes that Continue will allocate.
  size_t MoreSize() const;
  void Continue(std::function<void()> arrived);
  void Cancel();
  bool Drive(uint64_t time_ms) { return operation_ && operation_->Drive(time_ms); }
  // The outcome, once arrived and nothing more is needed.
  Result<Fetched> Take();

 private:
  void Send(GetRequest request, std::function<void()> arrived);
  void OnFirst(Result<GetResult> result);
  Error Failed(ErrorCode code, const std::string& what) const;
  bool EmptyRange() const { return options_.range && options_.range->end == options_.range->start; }

  ObjectStore& store_;
  SlabPool& pool_;
  SizePredictor& predictor_;
  const S3Url url_;
  const FetchOptions options_;
  MutableBytes destination_;
  bool driven_ = false;
  std::optional<uint64_t> expected_size_;
  std::function<void()> on_tail_;
  size_t first_size_ = 0;
  bool needs_more_ = false;
  bool continued_ = false;
  Fetched fetched_;
  std::optional<Error> error_;
  OperationPtr operation_;
};

}  // namespace s3native
