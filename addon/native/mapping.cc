#include "mapping.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>

namespace npulab {
namespace {

struct Registry {
  std::mutex mutex;
  std::map<const char*, std::weak_ptr<Mapping>> by_start;
};

// Leaked on purpose: mappings may be looked up while the process exits.
Registry& registry() {
  static Registry* const shared = new Registry;
  return *shared;
}

Napi::Error SystemError(Napi::Env env, int number, const std::string& what) {
  Napi::Error error = Napi::Error::New(env, what + ": " + std::strerror(number));
  error.Set("errno", Napi::Number::New(env, number));
  return error;
}

// mapFile(path) -> ArrayBuffer. The buffer owns a share of the mapping until it is detached or collected.
Napi::Value MapFile(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!info[0].IsString()) throw Napi::TypeError::New(env, "a path is needed");
  std::shared_ptr<Mapping> mapping = Mapping::Open(env, info[0].As<Napi::String>());
  if (mapping->size() == 0) return Napi::ArrayBuffer::New(env, 0);
  auto* share = new std::shared_ptr<Mapping>(mapping);
  napi_value buffer = nullptr;
  napi_status status = napi_create_external_arraybuffer(
      env, mapping->data(), mapping->size(),
      [](napi_env, void*, void* hint) { delete static_cast<std::shared_ptr<Mapping>*>(hint); }, share, &buffer);
  if (status != napi_ok) {
    if (status != napi_pending_exception) delete share;
    throw Napi::Error::New(env, "this runtime cannot show mapped memory as an ArrayBuffer");
  }
  return Napi::Value(env, buffer);
}

// unmap(buffer): detaches it, so that every view has length 0; pages go when no job reads them any more.
void Unmap(const Napi::CallbackInfo& info) {
  if (!info[0].IsArrayBuffer()) throw Napi::TypeError::New(info.Env(), "a mapped buffer is needed");
  Napi::ArrayBuffer buffer = info[0].As<Napi::ArrayBuffer>();
  if (!buffer.IsDetached()) buffer.Detach();
}

}  // namespace

std::shared_ptr<Mapping> Mapping::Open(Napi::Env env, const std::string& path) {
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) throw SystemError(env, errno, path);
  struct stat about {};
  int number = fstat(file, &about) != 0 ? errno : S_ISREG(about.st_mode) ? 0 : EISDIR;
  if (number == EISDIR && !S_ISDIR(about.st_mode)) number = ENODEV;
  void* data = nullptr;
  size_t size = static_cast<size_t>(about.st_size);
  if (number == 0 && size > 0) {
    data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file, 0);
    if (data == MAP_FAILED) number = errno;
  }
  close(file);
  if (number != 0) throw SystemError(env, number, path);
  std::shared_ptr<Mapping> mapping(new Mapping(data, size));
  std::lock_guard lock(registry().mutex);
  if (size > 0) registry().by_start[static_cast<const char*>(data)] = mapping;
  return mapping;
}

std::shared_ptr<Mapping> Mapping::Around(const void* address) {
  const char* at = static_cast<const char*>(address);
  std::shared_ptr<Mapping> mapping;  // Outlives the lock: if it turns out to be the last share, its end takes the lock.
  std::lock_guard lock(registry().mutex);
  auto after = registry().by_start.upper_bound(at);
  if (after == registry().by_start.begin()) return nullptr;
  mapping = std::prev(after)->second.lock();
  if (!mapping || at >= static_cast<const char*>(mapping->data()) + mapping->size()) return nullptr;
  return mapping;
}

Mapping::~Mapping() {
  if (size_ == 0) return;
  {
    std::lock_guard lock(registry().mutex);
    registry().by_start.erase(static_cast<const char*>(data_));
  }
  munmap(data_, size_);
}

void InitMapping(Napi::Env env, Napi::Object exports) {
  exports.Set("mapFile", Napi::Function::New(env, MapFile, "mapFile"));
  exports.Set("unmap", Napi::Function::New(env, Unmap, "unmap"));
}

}  // namespace npulab
