// A FailingStore that also keeps requests back: they are sent when let go of, or end when they are
// cancelled. Thread-safety: all methods, any thread. Ownership: shares the wrapped store.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/failing_store.h"

namespace s3native {

class HoldingStore : public FailingStore {
 public:
  using FailingStore::FailingStore;

  // Requests of this operation, one of those below, are kept back from now on; "": none. Those kept
  // back are not among the calls.
  void Hold(std::string operation) {
    std::lock_guard lock(mutex_);
    operation_ = std::move(operation);
  }
  // Those that are kept back and not cancelled.
  size_t held() const {
    std::lock_guard lock(mutex_);
    size_t count = 0;
    for (const auto& kept : held_) count += kept->Open() ? 1 : 0;
    return count;
  }
  // Sends what is kept back, and all later requests.
  void LetGo() {
    Hold("");
    std::unique_lock lock(mutex_);
    const auto held = std::exchange(held_, {});
    lock.unlock();
    for (const auto& kept : held) kept->Send();
  }

  OperationPtr Get(GetRequest request, Completion<GetResult> done) override {
    return Keep<GetResult>("GetObject", std::move(done), [this, request](auto next) {
      return FailingStore::Get(request, std::move(next));
    });
  }
  OperationPtr Put(PutRequest request, Completion<PutResult> done) override {
    return Keep<PutResult>("PutObject", std::move(done), [this, request](auto next) {
      return FailingStore::Put(request, std::move(next));
    });
  }
  OperationPtr CreateUpload(CreateUploadRequest request, Completion<CreatedUpload> done) override {
    return Keep<CreatedUpload>("CreateMultipartUpload", std::move(done),
                               [this, request](auto next) {
                                 return FailingStore::CreateUpload(request, std::move(next));
                               });
  }
  OperationPtr UploadPart(UploadPartRequest request, Completion<CompletedPart> done) override {
    return Keep<CompletedPart>("UploadPart", std::move(done), [this, request](auto next) {
      return FailingStore::UploadPart(request, std::move(next));
    });
  }
  OperationPtr CompleteUpload(CompleteUploadRequest request, Completion<PutResult> done) override {
    return Keep<PutResult>("CompleteMultipartUpload", std::move(done), [this, request](auto next) {
      return FailingStore::CompleteUpload(request, std::move(next));
    });
  }

 private:
  class Held : public Operation {
   public:
    virtual bool Open() const = 0;
    virtual void Send() = 0;
  };

  template <typename T>
  class HeldRequest : public Held {
   public:
    using Sender = std::function<OperationPtr(Completion<T>)>;
    HeldRequest(Completion<T> done, Sender send) : done_(std::move(done)), send_(std::move(send)) {}

    bool Open() const override {
      std::lock_guard lock(mutex_);
      return done_ != nullptr;
    }
    void Cancel() override {
      Error error;
      error.code = ErrorCode::kCancelled;
      error.message = "cancelled while it was kept back";
      if (const Completion<T> done = Take()) done(error);
    }
    void Send() override {
      if (Completion<T> done = Take()) send_(std::move(done));
    }

   private:
    Completion<T> Take() {
      std::lock_guard lock(mutex_);
      return std::exchange(done_, nullptr);
    }

    mutable std::mutex mutex_;
    Completion<T> done_;
    const Sender send_;
  };

  template <typename T>
  OperationPtr Keep(const char* operation, Completion<T> done,
                    typename HeldRequest<T>::Sender send) {
    std::unique_lock lock(mutex_);
    if (operation_ != operation) {
      lock.unlock();
      return send(std::move(done));
    }
    held_.push_back(std::make_shared<HeldRequest<T>>(std::move(done), std::move(send)));
    return held_.back();
  }

  mutable std::mutex mutex_;
  std::string operation_;
  std::vector<std::shared_ptr<Held>> held_;
};

}  // namespace s3native
