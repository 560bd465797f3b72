#include "job.h"

#include <atomic>
#include <cmath>
#include <string>
#include <thread>
#include <type_traits>

namespace npulab {
namespace {

std::atomic<uint32_t> threads{0};

template <typename T>
constexpr napi_typedarray_type TypeOf() {
  if constexpr (std::is_same_v<T, float>) return napi_float32_array;
  if constexpr (std::is_same_v<T, int8_t>) return napi_int8_array;
  if constexpr (std::is_same_v<T, int32_t>) return napi_int32_array;
  if constexpr (std::is_same_v<T, uint32_t>) return napi_uint32_array;
  if constexpr (std::is_same_v<T, uint16_t>) return napi_uint16_array;
}

Napi::TypeError WrongArgument(Napi::Env env, size_t index, const char* want) {
  return Napi::TypeError::New(env, "argument " + std::to_string(index) + " is not " + want);
}

}  // namespace

uint32_t Threads() {
  uint32_t set = threads.load();
  if (set != 0) return set;
  unsigned found = std::thread::hardware_concurrency();
  return found == 0 ? 1 : found;
}

void SetThreads(uint32_t count) { threads.store(count); }

Job::Job(const Napi::CallbackInfo& info) : info_(&info), environment_(Environment::Of(info.Env())) {}

Job::~Job() {
  if (info_ != nullptr) Unpin(info_->Env());
}

void Job::Unpin(napi_env env) {
  for (napi_ref pin : pins_) napi_delete_reference(env, pin);
  pins_.clear();
}

template <typename T>
Job::Array<T> Job::Typed(size_t index, bool optional) {
  Napi::Env env = info_->Env();
  napi_value value = (*info_)[index];
  if (optional && ((*info_)[index].IsNull() || (*info_)[index].IsUndefined())) return {};
  bool is_typed = false;
  napi_typedarray_type type{};
  Array<T> array;
  void* data = nullptr;
  if (napi_is_typedarray(env, value, &is_typed) != napi_ok || !is_typed ||
      napi_get_typedarray_info(env, value, &type, &array.length, &data, nullptr, nullptr) != napi_ok ||
      type != TypeOf<T>()) {
    throw WrongArgument(env, index, "the typed array it should be");
  }
  array.data = static_cast<T*>(data);
  napi_ref pin = nullptr;
  if (napi_create_reference(env, value, 1, &pin) != napi_ok) throw Napi::Error::New(env, "cannot pin an array");
  pins_.push_back(pin);
  if (auto mapping = Mapping::Around(data)) mappings_.push_back(std::move(mapping));
  return array;
}

template Job::Array<float> Job::Typed<float>(size_t, bool);
template Job::Array<int8_t> Job::Typed<int8_t>(size_t, bool);
template Job::Array<int32_t> Job::Typed<int32_t>(size_t, bool);
template Job::Array<uint32_t> Job::Typed<uint32_t>(size_t, bool);
template Job::Array<uint16_t> Job::Typed<uint16_t>(size_t, bool);

size_t Job::Size(size_t index) {
  double value = (*info_)[index].IsNumber() ? (*info_)[index].As<Napi::Number>().DoubleValue() : -1.0;
  if (!(value >= 0.0 && value <= 9007199254740991.0) || value != std::floor(value)) {
    throw WrongArgument(info_->Env(), index, "a count");
  }
  return static_cast<size_t>(value);
}

float Job::Float(size_t index) {
  if (!(*info_)[index].IsNumber()) throw WrongArgument(info_->Env(), index, "a number");
  return (*info_)[index].As<Napi::Number>().FloatValue();
}

Napi::Value Job::Run(std::unique_ptr<Job> self, std::function<int32_t(const npuk_run*)> kernel) {
  const Napi::CallbackInfo& info = *self->info_;
  Napi::Env env = info.Env();
  size_t last = info.Length() - 1;
  Array<uint32_t> flag = self->Typed<uint32_t>(last - 1, true);
  self->flag_ = flag.length > 0 ? flag.data : &self->own_flag_;
  self->kernel_ = std::move(kernel);
  if (info[last].ToBoolean()) {
    self->Work();
    return Napi::Number::New(env, self->code_);
  }
  napi_value promise = nullptr;
  if (napi_create_promise(env, &self->deferred_, &promise) != napi_ok) {
    throw Napi::Error::New(env, "cannot create a promise");
  }
  Job* job = self.release();
  job->info_ = nullptr;
  job->environment_->Started(job);
  Pool::Shared().Submit(
      [job] {
        job->Work();
        // The environment may free the job, so its own handle must outlive it.
        auto environment = job->environment_;
        environment->Finished(job);
      },
      [job] { return job->Cancelled(); });
  return Napi::Value(env, promise);
}

bool Job::Cancelled() const { return std::atomic_ref<uint32_t>(*flag_).load(std::memory_order_relaxed) != 0; }

void Job::Cancel() { std::atomic_ref<uint32_t>(*flag_).store(1, std::memory_order_relaxed); }

void Job::Work() {
  npuk_run run{Threads(), flag_};
  code_ = Cancelled() ? NPUK_CANCELLED : kernel_(&run);
}

void Job::Settle(napi_env env) {
  Unpin(env);
  napi_value code = nullptr;
  if (napi_create_int32(env, code_, &code) == napi_ok) napi_resolve_deferred(env, deferred_, code);
}

}  // namespace npulab
