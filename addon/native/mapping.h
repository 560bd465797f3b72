// A file mapped into memory. Knows its bytes and who still reads them; refuses to know what they mean.
// Private and copy-on-write: a stray write in JavaScript changes neither the file nor the process's fate.
#pragma once

#include <napi.h>

#include <memory>
#include <string>

namespace npulab {

class Mapping {
 public:
  // Maps the whole file; throws an Error with `errno`.
  static std::shared_ptr<Mapping> Open(Napi::Env env, const std::string& path);
  // The mapping that holds this address, if any: jobs keep it alive while they read it.
  static std::shared_ptr<Mapping> Around(const void* address);
  ~Mapping();
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  void* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  Mapping(void* data, size_t size) : data_(data), size_(size) {}
  void* data_;
  size_t size_;
};

void InitMapping(Napi::Env env, Napi::Object exports);

}  // namespace npulab
