#include "controller/kube/work_queue.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace sluice::kube {
namespace {

constexpr auto ms = [](long long n) { return Duration(n); };

TEST(WorkQueue, AKeyIsThereOnceHoweverOftenItIsAdded) {
  WorkQueueCore<int> queue;
  for (int i = 0; i < 5; ++i) queue.add(7);
  EXPECT_EQ(queue.take(ms(0)), 7);
  queue.done(7);
  EXPECT_EQ(queue.take(ms(0)), std::nullopt);
}

TEST(WorkQueue, AKeyThatIsWorkedOnIsNotGivenTwiceAndComesAgainAfterDone) {
  WorkQueueCore<int> queue;
  queue.add(7);
  ASSERT_EQ(queue.take(ms(0)), 7);
  queue.add(7);
  EXPECT_EQ(queue.take(ms(0)), std::nullopt);
  queue.done(7);
  EXPECT_EQ(queue.take(ms(0)), 7);
}

TEST(WorkQueue, TheEarliestDelayWins) {
  WorkQueueCore<int> queue;
  queue.add_at(7, ms(100));
  queue.add_at(7, ms(500));
  EXPECT_EQ(queue.next_due(), ms(100));
  queue.add_at(7, ms(50));
  EXPECT_EQ(queue.take(ms(49)), std::nullopt);
  EXPECT_EQ(queue.take(ms(50)), 7);
  queue.done(7);
  EXPECT_EQ(queue.take(ms(1000)), std::nullopt) << "one delay, one turn";
}

TEST(WorkQueue, FailuresOfAKeyWaitLongerAndLongerUntilForgotten) {
  WorkQueueCore<int> queue(Backoff{ms(100), ms(1000)});
  EXPECT_EQ(queue.add_failed(7, ms(0), 0.99), ms(100));
  EXPECT_GT(queue.add_failed(7, ms(0), 0.99), ms(150));
  for (int i = 0; i < 50; ++i) EXPECT_LE(queue.add_failed(7, ms(0), 0.99), ms(1000));
  EXPECT_EQ(queue.add_failed(8, ms(0), 0.99), ms(100)) << "each key has its own";
  queue.forget(7);
  EXPECT_EQ(queue.add_failed(7, ms(0), 0.99), ms(100));
  EXPECT_EQ(queue.add_failed(9, ms(0), 0.5, ms(5000)), ms(5000)) << "the server's Retry-After is the least";
}

// Against the plainest thing that could work: sets and a scan.
struct Model {
  std::set<int> dirty, processing;
  std::map<int, long long> due;
  std::set<int> available(long long now) {
    for (auto it = due.begin(); it != due.end();) {
      if (it->second <= now) {
        dirty.insert(it->first);
        it = due.erase(it);
      } else {
        ++it;
      }
    }
    std::set<int> out;
    for (const int key : dirty)
      if (!processing.contains(key)) out.insert(key);
    return out;
  }
};

TEST(WorkQueue, BehavesAsTheNaiveModelUnderRandomOperations) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    const auto roll = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    WorkQueueCore<int> queue;
    Model model;
    long long now = 0;
    for (int i = 0; i < 1000; ++i) {
      const int key = roll(6);
      switch (roll(5)) {
        case 0:
          queue.add(key);
          model.dirty.insert(key);
          break;
        case 1: {
          const long long due = now + roll(50);
          queue.add_at(key, ms(due));
          const auto [at, fresh] = model.due.try_emplace(key, due);
          if (!fresh) at->second = std::min(at->second, due);
          break;
        }
        case 2: {
          const auto available = model.available(now);
          const auto taken = queue.take(ms(now));
          ASSERT_EQ(taken.has_value(), !available.empty()) << "seed " << seed << " step " << i;
          if (!taken) break;
          ASSERT_TRUE(available.contains(*taken)) << "seed " << seed << " step " << i;
          model.dirty.erase(*taken);
          model.processing.insert(*taken);
          break;
        }
        case 3:
          if (model.processing.contains(key)) {
            queue.done(key);
            model.processing.erase(key);
          }
          break;
        case 4: now += roll(30); break;
      }
      ASSERT_EQ(queue.processing(), model.processing.size());
    }
  }
}

TEST(WorkQueue, ThreadsShareTheWorkAndNoKeyIsInTwoHands) {
  SystemClock clock;
  WorkQueue<int> queue(clock, [] { return 0.5; });
  std::mutex mutex;
  std::map<int, int> in_hand;
  int handled = 0;
  bool twice = false;
  std::vector<std::jthread> workers;
  for (int w = 0; w < 4; ++w)
    workers.emplace_back([&] {
      while (const auto key = queue.take()) {
        {
          std::lock_guard lock(mutex);
          twice = twice || ++in_hand[*key] > 1;
        }
        std::this_thread::yield();
        {
          std::lock_guard lock(mutex);
          --in_hand[*key];
          ++handled;
        }
        queue.done(*key);
      }
    });
  for (int i = 0; i < 2000; ++i) {
    if (i % 3 == 0) queue.add_after(i % 17, ms(i % 4));
    else queue.add(i % 17);
  }
  while (!queue.idle() || queue.next_due()) std::this_thread::yield();
  queue.shut_down();
  workers.clear();
  EXPECT_FALSE(twice);
  EXPECT_GE(handled, 17);
}

TEST(WorkQueue, StopAndShutdownEndAWaitingTake) {
  SystemClock clock;
  WorkQueue<int> queue(clock, [] { return 0.5; });
  std::jthread waits([&](std::stop_token stop) { EXPECT_EQ(queue.take(stop), std::nullopt); });
  waits.request_stop();
  waits.join();
  std::jthread also([&] { EXPECT_EQ(queue.take(), std::nullopt); });
  queue.shut_down();
  also.join();
  queue.add(1);
  EXPECT_EQ(queue.take(), std::nullopt);
}

TEST(WorkQueue, AnEarlierDelayWakesAWorkerThatWaitsForALaterOne) {
  SystemClock clock;
  WorkQueue<int> queue(clock, [] { return 0.5; });
  queue.add_after(1, std::chrono::hours(1));
  std::optional<int> got;
  std::jthread worker([&] { got = queue.take(); });
  queue.add_after(2, ms(1));
  worker.join();
  EXPECT_EQ(got, 2);
}

}  // namespace
}  // namespace sluice::kube
