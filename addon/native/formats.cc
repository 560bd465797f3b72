// Between number formats: int8 with scales, bf16, f16.
#include "exports.h"
#include "job.h"

namespace npulab {
namespace {

using Info = Napi::CallbackInfo;

Napi::Value QuantizeRowsInt8(const Info& info) {
  auto job = std::make_unique<Job>(info);
  auto x = job->Typed<float>(0);
  auto q = job->Typed<int8_t>(1);
  auto scales = job->Typed<float>(2);
  size_t rows = job->Size(3), width = job->Size(4);
  return Job::Run(std::move(job), [=](const npuk_run* run) {
    return npuk_quantize_rows_int8(x.data, x.length, q.data, q.length, scales.data, scales.length, rows, width, run);
  });
}

Napi::Value Dequantize(const Info& info) {
  auto job = std::make_unique<Job>(info);
  auto acc = job->Typed<int32_t>(0);
  auto row_scales = job->Typed<float>(1);
  auto column_scales = job->Typed<float>(2);
  auto out = job->Typed<float>(3);
  size_t rows = job->Size(4), columns = job->Size(5);
  return Job::Run(std::move(job), [=](const npuk_run* run) {
    return npuk_dequantize(acc.data, acc.length, row_scales.data, row_scales.length, column_scales.data,
                           column_scales.length, out.data, out.length, rows, columns, run);
  });
}

template <typename From, typename To, auto convert>
Napi::Value Convert(const Info& info) {
  auto job = std::make_unique<Job>(info);
  auto x = job->Typed<From>(0);
  auto out = job->Typed<To>(1);
  return Job::Run(std::move(job),
                  [=](const npuk_run* run) { return convert(x.data, x.length, out.data, out.length, run); });
}

}  // namespace

void InitFormats(Napi::Env env, Napi::Object exports) {
  exports.Set("quantizeRowsInt8", Napi::Function::New(env, QuantizeRowsInt8, "quantizeRowsInt8"));
  exports.Set("dequantize", Napi::Function::New(env, Dequantize, "dequantize"));
  exports.Set("bf16ToF32", Napi::Function::New(env, Convert<uint16_t, float, npuk_bf16_to_f32>, "bf16ToF32"));
  exports.Set("f16ToF32", Napi::Function::New(env, Convert<uint16_t, float, npuk_f16_to_f32>, "f16ToF32"));
  exports.Set("f32ToF16", Napi::Function::New(env, Convert<float, uint16_t, npuk_f32_to_f16>, "f32ToF16"));
  exports.Set("f32ToBf16", Napi::Function::New(env, Convert<float, uint16_t, npuk_f32_to_bf16>, "f32ToBf16"));
}

}  // namespace npulab
