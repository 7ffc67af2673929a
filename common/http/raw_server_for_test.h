// A scripted server on a loopback port for tests: each connection runs a function on a thread of its own, byte by byte,
// so that it can be as slow, torn, silent or wrong as a test wants. Ends when destroyed: connections are shut down, so
// scripts see the end of the stream; their threads are joined.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <list>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>

namespace sluice::http::testing {

class RawConnection {
 public:
  explicit RawConnection(int fd) : fd_(fd) {}
  int fd() const { return fd_; }

  // False: the peer is gone.
  bool write(std::string_view data) {
    while (!data.empty()) {
      const auto sent = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      data.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  // Up to and including `end`; what was read until the peer closed when it never came.
  std::string read_until(std::string_view end) {
    for (;;) {
      if (const auto at = pending_.find(end); at != std::string::npos) {
        const std::string found = pending_.substr(0, at + end.size());
        pending_.erase(0, at + end.size());
        return found;
      }
      if (!fill()) return std::exchange(pending_, {});
    }
  }
  std::string read_exactly(std::size_t count) {
    while (pending_.size() < count && fill()) {}
    const std::string found = pending_.substr(0, count);
    pending_.erase(0, count);
    return found;
  }
  std::string read_head() { return read_until("\r\n\r\n"); }
  std::string read_to_end() {
    while (fill()) {}
    return std::exchange(pending_, {});
  }
  // Waits that long for the peer to close (or to send): true when it closed.
  bool closed_within(int milliseconds) {
    pollfd waiting{fd_, POLLIN, 0};
    if (::poll(&waiting, 1, milliseconds) <= 0) return false;
    char c;
    return ::recv(fd_, &c, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
  }
  void wait_for_close() {
    while (fill()) {}
  }
  // A head and, where it says how long it is, the body; empty when the peer closed.
  std::string read_request() {
    std::string request = read_head();
    if (const auto length = request.find("Content-Length:"); length != std::string::npos)
      request += read_exactly(std::stoul(request.substr(length + 15)));
    return request;
  }
  // Closes, and returns when the peer's system knows of it.
  void end() {
    ::shutdown(fd_, SHUT_WR);
    tcp_info info{};
    socklen_t size = sizeof info;
    while (::getsockopt(fd_, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_state == TCP_FIN_WAIT1) std::this_thread::yield();
  }

 private:
  bool fill() {
    char buffer[16384];
    const auto got = ::recv(fd_, buffer, sizeof buffer, 0);
    if (got <= 0) return false;
    pending_.append(buffer, static_cast<std::size_t>(got));
    return true;
  }
  int fd_;
  std::string pending_;
};

class RawServer {
 public:
  using Script = std::function<void(RawConnection&, int number)>;

  explicit RawServer(Script script) : script_(std::move(script)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(listener_, 64);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~RawServer() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
    {
      const std::lock_guard lock(mutex_);
      for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
    }
    for (auto& thread : threads_) thread.join();
  }
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;

  std::uint16_t port() const { return port_; }
  std::string url(const std::string& scheme = "http") const { return scheme + "://127.0.0.1:" + std::to_string(port_); }
  int connections() const { return count_; }

 private:
  void accept_all() {
    for (;;) {
      const int fd = ::accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      const std::lock_guard lock(mutex_);
      open_.insert(fd);
      threads_.emplace_back([this, fd, number = count_++] {
        RawConnection connection(fd);
        script_(connection, number);
        const std::lock_guard guard(mutex_);
        open_.erase(fd);
        ::close(fd);
      });
    }
  }

  Script script_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::thread acceptor_;
  std::mutex mutex_;
  std::set<int> open_;
  std::list<std::thread> threads_;
  std::atomic<int> count_{0};
};

// A client's side of a connection to a port on loopback.
inline int connect_to(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    ::close(fd);
    return -1;
  }
  return fd;
}

}  // namespace sluice::http::testing
