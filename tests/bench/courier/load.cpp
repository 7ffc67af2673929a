#include "tests/bench/courier/load.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <numeric>

#include "tests/wire/answer_reader.h"
#include "tests/wire/descriptor.h"

namespace courier::bench {
namespace {

using Steady = std::chrono::steady_clock;
using sluice::Error;
using sluice::Expected;
using sluice::fail;
using wire::Descriptor;

timespec parts_of(Nanoseconds length) { return {length.count() / 1'000'000'000, length.count() % 1'000'000'000}; }

// Blocking, which loopback keeps short; the answer is read without blocking.
Expected<Descriptor> connect_to(std::uint16_t port) {
  Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval limit{2, 0};
  const int on = 1;
  ::setsockopt(socket.number, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  ::setsockopt(socket.number, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (socket.number < 0 || ::connect(socket.number, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return fail(Error::Kind::Unavailable, "cannot connect to 127.0.0.1 port " + std::to_string(port) + ": " + std::strerror(errno));
  }
  return socket;
}

struct Connection {
  Descriptor socket{};
  std::string arrived{};
  bool busy = false;
  Schedule::Turn turn{};
};

class Load {
 public:
  explicit Load(const LoadPlan& plan) : plan_(plan), text_(plan.request), schedule_(plan.phases), connections_(plan.connections) {
    for (const Phase& phase : plan.phases) {
      result_.phases.push_back({.phase = phase, .slices = std::vector<Answers>(static_cast<std::size_t>(phase.length / plan.slice) + 1)});
    }
  }

  Expected<LoadResult> run() {
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      if (auto opened = open(i); !opened) return tl::make_unexpected(opened.error());
      free_.push_back(i);
    }
    if (auto held = hold_idle(); !held) return tl::make_unexpected(held.error());
    begin_ = Steady::now();
    timer_event_.data.u64 = connections_.size();
    ::epoll_ctl(epoll_.number, EPOLL_CTL_ADD, timer_.number, &timer_event_);
    const Nanoseconds last = schedule_.length() + plan_.patience;
    while (!trouble_) {
      const Nanoseconds now = since_begin();
      send_due(now);
      if (free_.size() == connections_.size() && (enough() || schedule_.over(now))) break;
      if (now > last) break;
      wait(now);
    }
    if (trouble_) return tl::make_unexpected(*trouble_);
    account_for_the_rest();
    return std::move(result_);
  }

 private:
  Nanoseconds since_begin() const { return Steady::now() - begin_; }
  bool enough() const { return plan_.most != 0 && result_.requests >= plan_.most; }

  Expected<void> open(std::size_t index) {
    Connection& connection = connections_[index];
    auto socket = connect_to(plan_.port);
    if (!socket) return tl::make_unexpected(socket.error());
    connection.socket = std::move(*socket);
    connection.arrived.clear();
    ++result_.connects;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = index;
    ::epoll_ctl(epoll_.number, EPOLL_CTL_ADD, connection.socket.number, &event);
    return {};
  }

  Expected<void> hold_idle() {
    for (std::size_t i = 0; i < plan_.idle; ++i) {
      auto socket = connect_to(plan_.port);
      if (!socket) return tl::make_unexpected(socket.error());
      constexpr std::string_view kRequest = "GET /version HTTP/1.1\r\nHost: courier\r\n\r\n";
      std::array<char, 4096> answer;
      if (::send(socket->number, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) < 0 ||
          ::recv(socket->number, answer.data(), answer.size(), 0) <= 0) {
        return fail(Error::Kind::Unavailable, "idle connection " + std::to_string(i) + " was closed");
      }
      idle_.push_back(std::move(*socket));
    }
    return {};
  }

  void send_due(Nanoseconds now) {
    while (!free_.empty() && !enough()) {
      const auto turn = schedule_.next(now);
      if (!turn) return;
      Connection& connection = connections_[free_.back()];
      connection.turn = *turn;
      connection.busy = true;
      ++result_.phases[turn->phase].asked;
      // A request is smaller than any socket's buffer, which is empty: the last answer was read.
      const std::string& wire = text_.number(result_.requests++);
      const auto sent = ::send(connection.socket.number, wire.data(), wire.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      const std::size_t index = free_.back();
      free_.pop_back();
      if (sent != static_cast<ssize_t>(wire.size())) replace(index, "cannot send");
    }
  }

  void wait(Nanoseconds now) {
    // Without a free connection only an answer helps. The timer also ends the patience.
    Nanoseconds pause = schedule_.length() + plan_.patience - now + std::chrono::milliseconds(1);
    if (!free_.empty() && !enough() && !schedule_.over(now)) pause = std::max(Nanoseconds(1), schedule_.wait(now));
    const itimerspec alarm{.it_interval = {}, .it_value = parts_of(pause)};
    ::timerfd_settime(timer_.number, 0, &alarm, nullptr);
    std::array<epoll_event, 256> events;
    const int count = ::epoll_wait(epoll_.number, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count && !trouble_; ++i) {
      const std::size_t index = events[static_cast<std::size_t>(i)].data.u64;
      if (index < connections_.size()) read(index);
    }
  }

  void read(std::size_t index) {
    Connection& connection = connections_[index];
    std::array<char, 16 * 1024> piece;
    const auto got = ::recv(connection.socket.number, piece.data(), piece.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return replace(index, "connection lost");
    connection.arrived.append(piece.data(), static_cast<std::size_t>(got));
    const auto answer = wire::read_answer(connection.arrived);
    if (!answer) trouble_ = answer.error();
    if (!answer || !*answer) return;
    if (!connection.busy) return replace(index, "");  // an answer to nothing: the server refuses the connection
    note(connection.turn, (*answer)->status, since_begin());
    connection.arrived.erase(0, (*answer)->bytes);
    connection.busy = false;
    free_.push_back(index);
    if ((*answer)->closes) replace(index, "");
  }

  // Opens the connection anew; what it was to bring has failed.
  void replace(std::size_t index, const std::string& why) {
    Connection& connection = connections_[index];
    if (std::exchange(connection.busy, false)) {
      count_failure(connection.turn, why);
      free_.push_back(index);
    }
    if (auto opened = open(index); !opened) trouble_ = opened.error();
  }

  Answers& slice_of(const Schedule::Turn& turn) {
    PhaseResult& phase = result_.phases[turn.phase];
    const auto slice = static_cast<std::size_t>((turn.intended - schedule_.begin_of(turn.phase)) / plan_.slice);
    return phase.slices[std::min(slice, phase.slices.size() - 1)];
  }

  void note(const Schedule::Turn& turn, int status, Nanoseconds now) {
    if (status >= 300 && status != 429 && status != 503) return count_failure(turn, "status " + std::to_string(status));
    const auto took = std::chrono::duration_cast<Microseconds>(now - turn.intended);
    PhaseResult& phase = result_.phases[turn.phase];
    phase.seconds = std::max(phase.seconds, std::chrono::duration<double>(now - schedule_.begin_of(turn.phase)).count());
    for (Answers* answers : {&phase.answers, &slice_of(turn)}) (status < 300 ? answers->well : answers->refused).add(took);
  }

  void count_failure(const Schedule::Turn& turn, const std::string& why) {
    for (Answers* answers : {&result_.phases[turn.phase].answers, &slice_of(turn)}) ++answers->failed[why];
  }

  void account_for_the_rest() {
    for (const Connection& connection : connections_) {
      if (connection.busy) count_failure(connection.turn, "no answer");
    }
    if (enough()) return;
    while (const auto turn = schedule_.next(schedule_.length())) {
      ++result_.phases[turn->phase].asked;
      count_failure(*turn, "never sent");
    }
  }

  const LoadPlan& plan_;
  RequestText text_;
  Schedule schedule_;
  std::vector<Connection> connections_;
  std::vector<std::size_t> free_;
  std::vector<Descriptor> idle_;
  Descriptor epoll_{::epoll_create1(EPOLL_CLOEXEC)};
  Descriptor timer_{::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)};
  epoll_event timer_event_{.events = EPOLLIN | EPOLLET, .data = {}};
  Steady::time_point begin_{};
  std::optional<Error> trouble_;
  LoadResult result_;
};

}  // namespace

std::uint64_t Answers::failures() const {
  return std::accumulate(failed.begin(), failed.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const auto& one) { return sum + one.second; });
}

Expected<LoadResult> put_load(const LoadPlan& plan) { return Load(plan).run(); }

}  // namespace courier::bench
