// One call of a kernel: its arrays (pinned), its cancel flag, its promise. Knows no kernel; it is given a closure.
// The surprising point: the promise resolves with the kernel's code; index.ts turns codes into errors.
#pragma once

#include <napi.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "environment.h"
#include "mapping.h"
#include "npu_kernels.h"
#include "pool.h"

namespace npulab {

// Arguments of one native call: typed arrays are pinned as they are read.
class Job {
 public:
  explicit Job(const Napi::CallbackInfo& info);
  ~Job();
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  template <typename T>
  struct Array {
    T* data = nullptr;
    size_t length = 0;
  };

  // Argument `index` as an array of exactly this element type; throws TypeError otherwise.
  template <typename T>
  Array<T> Typed(size_t index, bool optional = false);
  // Argument `index` as a count; throws TypeError when it is no integer of 0..2^53-1.
  size_t Size(size_t index);
  float Float(size_t index);

  // The last two arguments of every native function: cancel flag (Uint32Array of 1, or null) and whether to run at once.
  // Returns a code when run at once, else a promise of one. Takes over `self`.
  static Napi::Value Run(std::unique_ptr<Job> self, std::function<int32_t(const npuk_run*)> kernel);

  void Cancel();
  void Settle(napi_env env);

 private:
  bool Cancelled() const;
  void Work();

  void Unpin(napi_env env);

  const Napi::CallbackInfo* info_;  // only while the native call lasts
  std::shared_ptr<Environment> environment_;
  std::vector<napi_ref> pins_;
  std::vector<std::shared_ptr<Mapping>> mappings_;
  std::function<int32_t(const npuk_run*)> kernel_;
  uint32_t* flag_ = nullptr;
  uint32_t own_flag_ = 0;
  napi_deferred deferred_ = nullptr;
  int32_t code_ = NPUK_INTERNAL;
};

static_assert(!std::is_copy_constructible_v<Job>);

// Threads a kernel may use; process-wide.
uint32_t Threads();
void SetThreads(uint32_t threads);

}  // namespace npulab
