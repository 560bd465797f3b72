#include "pool.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace npulab {
namespace {

// Jobs that run at once; each may use several threads inside the kernels.
constexpr size_t kMostThreads = 4;

struct Entry {
  std::function<void()> work;
  std::function<bool()> dropped;
};

struct Queue {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Entry> entries;
  size_t threads = 0;
  size_t idle = 0;
};

// Leaked on purpose: pool threads may still wait on it while the process exits.
Queue& queue() {
  static Queue* const shared = new Queue;
  return *shared;
}

void Serve() {
  Queue& q = queue();
  std::unique_lock lock(q.mutex);
  for (;;) {
    ++q.idle;
    q.wake.wait(lock, [&] { return !q.entries.empty(); });
    --q.idle;
    Entry entry = std::move(q.entries.front());
    q.entries.pop_front();
    lock.unlock();
    entry.work();
    entry = {};
    lock.lock();
  }
}

}  // namespace

Pool& Pool::Shared() {
  static Pool* const shared = new Pool;
  return *shared;
}

void Pool::Submit(std::function<void()> work, std::function<bool()> dropped) {
  Queue& q = queue();
  std::unique_lock lock(q.mutex);
  if (q.idle <= q.entries.size() && q.threads < kMostThreads) {
    try {
      std::thread(Serve).detach();
      ++q.threads;
    } catch (const std::system_error&) {
      if (q.threads == 0) {
        lock.unlock();
        work();  // No thread to be had: late is better than never.
        return;
      }
    }
  }
  q.entries.push_back({std::move(work), std::move(dropped)});
  q.wake.notify_one();
}

void Pool::Sweep() {
  Queue& q = queue();
  std::vector<Entry> taken;
  {
    std::lock_guard lock(q.mutex);
    for (auto it = q.entries.begin(); it != q.entries.end();) {
      if (it->dropped()) {
        taken.push_back(std::move(*it));
        it = q.entries.erase(it);
      } else {
        ++it;
      }
    }
  }
  for (Entry& entry : taken) entry.work();
}

}  // namespace npulab
