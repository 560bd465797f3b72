// One Init per concept; each adds its functions to the exports.
#pragma once

#include <napi.h>

namespace npulab {

void InitSettings(Napi::Env env, Napi::Object exports);
void InitProducts(Napi::Env env, Napi::Object exports);
void InitOperators(Napi::Env env, Napi::Object exports);
void InitFormats(Napi::Env env, Napi::Object exports);
void InitLosses(Napi::Env env, Napi::Object exports);

}  // namespace npulab
