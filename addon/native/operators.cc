// The float operators of a Llama block.
#include "exports.h"
#include "job.h"

namespace npulab {
namespace {

using Info = Napi::CallbackInfo;

Napi::Value Add(const Info& info) {
  auto job = std::make_unique<Job>(info);
  auto a = job->Typed<float>(0);
  auto b = job->Typed<float>(1);
  auto out = job->Typed<float>(2);
  return Job::Run(std::move(job), [=](const npuk_run* run) {
    return npuk_add(a.data, a.length, b.data, b.length, out.data, out.length, run);
  });
}

Napi::Value SiluMul(const Info& info) {
  auto job = std::make_unique<Job>(info);
  auto gate = job->Typed<float>(0);
  auto up = job->Typed<float>(1);
  auto out = job->Typed<float>(2);
  return Job::Run(std::move(job), [=](const npuk_run* run) {
    return npuk_silu_mul(gate.data, gate.length, up.data, up.length, out.data, out.length, run);
  });
}

Napi::Value RmsNorm(const Info& info) {
  auto job = std::make_unique<Job>(info);
  auto x = job->Typed<float>(0);
  auto weight = job->Typed<float>(1);
  auto out = job->Typed<float>(2);
  size_t rows = job->Size(3), width = job->Size(4);
  float eps = job->Float(5);
  return Job::Run(std::move(job), [=](const npuk_run* run) {
    return npuk_rms_norm(x.data, x.length, weight.data, weight.length, out.data, out.length, rows, width, eps, run);
  });
}

Napi::Value SoftmaxRows(const Info& info) {
  auto job = std::make_unique<Job>(info);
  auto x = job->Typed<float>(0);
  size_t rows = job->Size(1), width = job->Size(2);
  return Job::Run(std::move(job),
                  [=](const npuk_run* run) { return npuk_softmax_rows(x.data, x.length, rows, width, run); });
}

Napi::Value Rope(const Info& info) {
  auto job = std::make_unique<Job>(info);
  auto x = job->Typed<float>(0);
  size_t rows = job->Size(1), heads = job->Size(2), head_dim = job->Size(3), first = job->Size(4);
  float theta = job->Float(5);
  return Job::Run(std::move(job), [=](const npuk_run* run) {
    return npuk_rope(x.data, x.length, rows, heads, head_dim, first, theta, run);
  });
}

Napi::Value Attention(const Info& info) {
  auto job = std::make_unique<Job>(info);
  auto q = job->Typed<float>(0);
  auto k = job->Typed<float>(1);
  auto v = job->Typed<float>(2);
  auto out = job->Typed<float>(3);
  size_t rows = job->Size(4), heads = job->Size(5), kv_heads = job->Size(6), head_dim = job->Size(7);
  size_t first = job->Size(8);
  return Job::Run(std::move(job), [=](const npuk_run* run) {
    return npuk_attention(q.data, q.length, k.data, k.length, v.data, v.length, out.data, out.length, rows, heads,
                          kv_heads, head_dim, first, run);
  });
}

}  // namespace

void InitOperators(Napi::Env env, Napi::Object exports) {
  exports.Set("add", Napi::Function::New(env, Add, "add"));
  exports.Set("siluMul", Napi::Function::New(env, SiluMul, "siluMul"));
  exports.Set("rmsNorm", Napi::Function::New(env, RmsNorm, "rmsNorm"));
  exports.Set("softmaxRows", Napi::Function::New(env, SoftmaxRows, "softmaxRows"));
  exports.Set("rope", Napi::Function::New(env, Rope, "rope"));
  exports.Set("attention", Napi::Function::New(env, Attention, "attention"));
}

}  // namespace npulab
