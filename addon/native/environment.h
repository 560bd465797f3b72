// State of one JavaScript environment (main thread or worker). Knows its running jobs and how to reach its event loop.
// Nothing here is shared between environments; on teardown the environment cancels its jobs and waits for them.
#pragma once

#include <napi.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>

namespace npulab {

class Job;

class Environment : public std::enable_shared_from_this<Environment> {
 public:
  // Creates the state of `env` and ties it to the environment's life.
  static void Attach(Napi::Env env);
  static std::shared_ptr<Environment> Of(Napi::Env env);
  Environment() = default;
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  // JavaScript thread: a job starts; while any runs, the event loop stays alive.
  void Started(Job* job);
  // Pool thread: a job has ended; hands it to the JavaScript thread (or frees it when the environment is closing).
  void Finished(Job* job);
  bool closing() const { return closing_; }

 private:
  static void Deliver(napi_env env, napi_value, void* context, void* data);
  static void Close(void* self);

  std::mutex mutex_;
  std::condition_variable quiet_;
  std::set<Job*> running_;   // guarded by mutex_
  size_t undelivered_ = 0;   // JavaScript thread only
  std::atomic<bool> closing_{false};
  napi_env env_ = nullptr;
  napi_threadsafe_function deliver_ = nullptr;
};

}  // namespace npulab
