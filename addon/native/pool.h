// Threads that run jobs. Knows a queue of closures; refuses to know JavaScript.
// One pool per process, never destroyed: at exit its threads simply end with the process.
#pragma once

#include <functional>

namespace npulab {

class Pool {
 public:
  static Pool& Shared();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Runs `work` on a pool thread; `dropped()` tells whether it may skip the queue (it then runs at once on Sweep's thread).
  void Submit(std::function<void()> work, std::function<bool()> dropped);

  // Runs every queued job whose `dropped()` is true: a cancelled job does not wait for its turn.
  void Sweep();

 private:
  Pool() = default;
  ~Pool() = delete;
};

}  // namespace npulab
