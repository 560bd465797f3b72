// Matrix products and GPTQ. Argument order here is that of native.ts.
#include "exports.h"
#include "job.h"

namespace npulab {
namespace {

using Info = Napi::CallbackInfo;

Napi::Value MatmulF32(const Info& info) {
  auto job = std::make_unique<Job>(info);
  auto a = job->Typed<float>(0);
  auto b = job->Typed<float>(1);
  auto c = job->Typed<float>(2);
  size_t m = job->Size(3), k = job->Size(4), n = job->Size(5);
  return Job::Run(std::move(job), [=](const npuk_run* run) {
    return npuk_matmul_f32(a.data, a.length, b.data, b.length, c.data, c.length, m, k, n, run);
  });
}

Napi::Value MatmulInt8(const Info& info) {
  auto job = std::make_unique<Job>(info);
  auto a = job->Typed<int8_t>(0);
  auto b = job->Typed<int8_t>(1);
  auto c = job->Typed<int32_t>(2);
  size_t m = job->Size(3), k = job->Size(4), n = job->Size(5);
  return Job::Run(std::move(job), [=](const npuk_run* run) {
    return npuk_matmul_int8(a.data, a.length, b.data, b.length, c.data, c.length, m, k, n, run);
  });
}

Napi::Value Gram(const Info& info) {
  auto job = std::make_unique<Job>(info);
  auto x = job->Typed<float>(0);
  auto h = job->Typed<float>(1);
  size_t rows = job->Size(2), width = job->Size(3);
  return Job::Run(std::move(job), [=](const npuk_run* run) {
    return npuk_gram(x.data, x.length, h.data, h.length, rows, width, run);
  });
}

Napi::Value GptqFactor(const Info& info) {
  auto job = std::make_unique<Job>(info);
  auto h = job->Typed<float>(0);
  auto factor = job->Typed<float>(1);
  size_t width = job->Size(2);
  float damp = job->Float(3);
  return Job::Run(std::move(job), [=](const npuk_run* run) {
    return npuk_gptq_factor(h.data, h.length, factor.data, factor.length, width, damp, nullptr, run);
  });
}

Napi::Value GptqQuantize(const Info& info) {
  auto job = std::make_unique<Job>(info);
  auto w = job->Typed<float>(0);
  auto factor = job->Typed<float>(1);
  auto scales = job->Typed<float>(2);
  auto permutation = job->Typed<int32_t>(3, true);
  auto q = job->Typed<int8_t>(4);
  auto loss = job->Typed<float>(5);
  size_t rows = job->Size(6), width = job->Size(7), bits = job->Size(8), block = job->Size(9), group = job->Size(10);
  return Job::Run(std::move(job), [=](const npuk_run* run) {
    return npuk_gptq_quantize(w.data, w.length, factor.data, factor.length, scales.data, scales.length,
                              permutation.data, permutation.length, q.data, q.length, loss.data, loss.length, rows,
                              width, static_cast<uint32_t>(bits), block, group, run);
  });
}

}  // namespace

void InitProducts(Napi::Env env, Napi::Object exports) {
  exports.Set("matmulF32", Napi::Function::New(env, MatmulF32, "matmulF32"));
  exports.Set("matmulInt8", Napi::Function::New(env, MatmulInt8, "matmulInt8"));
  exports.Set("gram", Napi::Function::New(env, Gram, "gram"));
  exports.Set("gptqFactor", Napi::Function::New(env, GptqFactor, "gptqFactor"));
  exports.Set("gptqQuantize", Napi::Function::New(env, GptqQuantize, "gptqQuantize"));
}

}  // namespace npulab
