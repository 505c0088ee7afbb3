#include "crt/loop_task.h"

#include <aws/common/task_scheduler.h>

#include <memory>

namespace s3native::crt {
namespace {

struct LoopTask {
  aws_task task{};
  std::function<void()> function;

  static void Run(aws_task*, void* argument, aws_task_status status) {
    const std::unique_ptr<LoopTask> self(static_cast<LoopTask*>(argument));
    if (status == AWS_TASK_STATUS_RUN_READY) self->function();
  }
};

aws_task* NewTask(std::function<void()> function) {
  auto* task = new LoopTask;
  task->function = std::move(function);
  aws_task_init(&task->task, LoopTask::Run, task, "s3native");
  return &task->task;
}

}  // namespace

void Post(aws_event_loop* loop, std::function<void()> function) {
  aws_event_loop_schedule_task_now(loop, NewTask(std::move(function)));
}

void PostAfter(aws_event_loop* loop, uint64_t delay_ms, std::function<void()> function) {
  uint64_t now_ns = 0;
  aws_event_loop_current_clock_time(loop, &now_ns);
  aws_event_loop_schedule_task_future(loop, NewTask(std::move(function)),
                                      now_ns + delay_ms * 1'000'000);
}

}  // namespace s3native::crt
