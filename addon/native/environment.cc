#include "environment.h"

#include "job.h"

namespace npulab {
namespace {
using Handle = std::shared_ptr<Environment>;
}

void Environment::Attach(Napi::Env env) {
  auto state = std::make_shared<Environment>();
  state->env_ = env;
  napi_value name = Napi::String::New(env, "npulab.jobs");
  // The function keeps the state alive until Node has finalized it.
  auto* context = new Handle(state);
  napi_status status = napi_create_threadsafe_function(
      env, nullptr, nullptr, name, 0, 1, context,
      [](napi_env, void*, void* handle) { delete static_cast<Handle*>(handle); }, context, Deliver, &state->deliver_);
  if (status != napi_ok) {
    delete context;
    throw Napi::Error::New(env, "cannot create the job queue of this environment");
  }
  napi_unref_threadsafe_function(env, state->deliver_);
  env.SetInstanceData<Handle>(new Handle(state));
  // Hooks run in reverse order: this one before the function's own.
  napi_add_env_cleanup_hook(env, Close, new Handle(state));
}

std::shared_ptr<Environment> Environment::Of(Napi::Env env) { return *env.GetInstanceData<Handle>(); }

void Environment::Started(Job* job) {
  if (undelivered_++ == 0) napi_ref_threadsafe_function(env_, deliver_);
  std::lock_guard lock(mutex_);
  running_.insert(job);
}

void Environment::Finished(Job* job) {
  std::lock_guard lock(mutex_);
  running_.erase(job);
  if (closing_ || napi_call_threadsafe_function(deliver_, job, napi_tsfn_nonblocking) != napi_ok) {
    delete job;  // Its references die with the environment.
  }
  quiet_.notify_all();
}

void Environment::Deliver(napi_env env, napi_value, void* context, void* data) {
  std::unique_ptr<Job> job(static_cast<Job*>(data));
  if (env == nullptr) return;  // Environment is gone; nobody waits.
  Environment& self = **static_cast<Handle*>(context);
  if (--self.undelivered_ == 0) napi_unref_threadsafe_function(env, self.deliver_);
  job->Settle(env);
}

void Environment::Close(void* handle) {
  std::unique_ptr<Handle> holder(static_cast<Handle*>(handle));
  Environment& self = **holder;
  std::unique_lock lock(self.mutex_);
  self.closing_ = true;
  for (Job* job : self.running_) job->Cancel();
  lock.unlock();
  Pool::Shared().Sweep();
  lock.lock();
  // Jobs read memory that the environment is about to free.
  self.quiet_.wait(lock, [&] { return self.running_.empty(); });
}

}  // namespace npulab
