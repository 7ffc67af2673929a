#include "tests/drills/load/loop.h"

#include <algorithm>
#include <array>
#include <cerrno>

namespace courier::drills {

void Loop::watch(int fd, std::uint32_t events, Handler& handler) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &handler;
  if (::epoll_ctl(epoll_.number, EPOLL_CTL_ADD, fd, &event) != 0 && errno == EEXIST) {
    ::epoll_ctl(epoll_.number, EPOLL_CTL_MOD, fd, &event);
  }
}

void Loop::forget(int fd) { ::epoll_ctl(epoll_.number, EPOLL_CTL_DEL, fd, nullptr); }

void Loop::wait(Nanoseconds longest) {
  const auto pause = std::max(Nanoseconds(0), longest).count();
  const timespec limit{pause / 1'000'000'000, pause % 1'000'000'000};
  std::array<epoll_event, 256> events;
  const int count = ::epoll_pwait2(epoll_.number, events.data(), static_cast<int>(events.size()), &limit, nullptr);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    static_cast<Handler*>(event.data.ptr)->ready(event.events);
  }
  buried_.clear();
}

}  // namespace courier::drills
