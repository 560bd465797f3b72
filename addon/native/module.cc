// Entry of the addon, called once per environment. Shapes are checked in index.ts and again in the C ABI.
#include <napi.h>

#include "environment.h"
#include "exports.h"
#include "mapping.h"

namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  npulab::Environment::Attach(env);
  npulab::InitSettings(env, exports);
  npulab::InitMapping(env, exports);
  npulab::InitProducts(env, exports);
  npulab::InitOperators(env, exports);
  npulab::InitFormats(env, exports);
  npulab::InitLosses(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(npulab, Init)
