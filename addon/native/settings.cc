// Version, instruction set, threads; and the sweep that lets a cancelled job leave the queue.
#include "exports.h"
#include "job.h"

namespace npulab {
namespace {

Napi::Value Kernels(const Napi::CallbackInfo& info) {
  Napi::Object about = Napi::Object::New(info.Env());
  about.Set("isa", npuk_isa());
  about.Set("threads", Threads());
  about.Set("version", npuk_version());
  return about;
}

void SetThreadCount(const Napi::CallbackInfo& info) { SetThreads(static_cast<uint32_t>(Job(info).Size(0))); }

Napi::Value ForceIsa(const Napi::CallbackInfo& info) {
  if (!info[0].IsString()) return Napi::Number::New(info.Env(), npuk_force_isa(nullptr));
  return Napi::Number::New(info.Env(), npuk_force_isa(info[0].As<Napi::String>().Utf8Value().c_str()));
}

void Sweep(const Napi::CallbackInfo&) { Pool::Shared().Sweep(); }

}  // namespace

void InitSettings(Napi::Env env, Napi::Object exports) {
  exports.Set("kernels", Napi::Function::New(env, Kernels, "kernels"));
  exports.Set("setThreads", Napi::Function::New(env, SetThreadCount, "setThreads"));
  exports.Set("forceIsa", Napi::Function::New(env, ForceIsa, "forceIsa"));
  exports.Set("sweep", Napi::Function::New(env, Sweep, "sweep"));
}

}  // namespace npulab
