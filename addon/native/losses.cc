// How far logits are from a target, one value per row.
#include "exports.h"
#include "job.h"

namespace npulab {
namespace {

using Info = Napi::CallbackInfo;

Napi::Value NllRows(const Info& info) {
  auto job = std::make_unique<Job>(info);
  auto logits = job->Typed<float>(0);
  auto targets = job->Typed<int32_t>(1);
  auto out = job->Typed<float>(2);
  size_t rows = job->Size(3), width = job->Size(4);
  return Job::Run(std::move(job), [=](const npuk_run* run) {
    return npuk_nll_rows(logits.data, logits.length, targets.data, targets.length, out.data, out.length, rows, width,
                         run);
  });
}

Napi::Value KlRows(const Info& info) {
  auto job = std::make_unique<Job>(info);
  auto p = job->Typed<float>(0);
  auto q = job->Typed<float>(1);
  auto out = job->Typed<float>(2);
  size_t rows = job->Size(3), width = job->Size(4);
  return Job::Run(std::move(job), [=](const npuk_run* run) {
    return npuk_kl_rows(p.data, p.length, q.data, q.length, out.data, out.length, rows, width, run);
  });
}

Napi::Value ArgmaxRows(const Info& info) {
  auto job = std::make_unique<Job>(info);
  auto logits = job->Typed<float>(0);
  auto out = job->Typed<int32_t>(1);
  size_t rows = job->Size(2), width = job->Size(3);
  return Job::Run(std::move(job), [=](const npuk_run* run) {
    return npuk_argmax_rows(logits.data, logits.length, out.data, out.length, rows, width, run);
  });
}

}  // namespace

void InitLosses(Napi::Env env, Napi::Object exports) {
  exports.Set("nllRows", Napi::Function::New(env, NllRows, "nllRows"));
  exports.Set("klRows", Napi::Function::New(env, KlRows, "klRows"));
  exports.Set("argmaxRows", Napi::Function::New(env, ArgmaxRows, "argmaxRows"));
}

}  // namespace npulab
