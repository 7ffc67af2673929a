#include "tests/drills/load/stream.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace courier::drills {

Stream::Stream(Loop& loop, wire::Descriptor socket, User& user) : loop_(loop), socket_(std::move(socket)), user_(user) {
  loop_.watch(socket_.number, EPOLLIN, *this);
}

void Stream::close() {
  if (socket_.number < 0) return;
  loop_.forget(socket_.number);
  const wire::Descriptor closed = std::move(socket_);
}

void Stream::send(std::string_view text) {
  const bool waits = !unsent_.empty();
  unsent_.append(text);
  if (waits) return;
  flush();
  if (!unsent_.empty()) loop_.watch(socket_.number, EPOLLIN | EPOLLOUT, *this);
}

void Stream::flush() {
  const auto sent = ::send(socket_.number, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
  if (sent > 0) unsent_.erase(0, static_cast<std::size_t>(sent));
  if (sent < 0 && errno != EAGAIN) {
    error_ = errno;  // of a connect too; nobody is told it a second time
    unsent_.clear();
  }
}

void Stream::ready(std::uint32_t events) {
  if (socket_.number < 0) return;
  if ((events & EPOLLOUT) != 0) {
    flush();
    if (unsent_.empty()) loop_.watch(socket_.number, EPOLLIN, *this);
  }
  if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) == 0) return;
  std::array<char, 16 * 1024> piece;
  const auto got = ::recv(socket_.number, piece.data(), piece.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got > 0) {
    text_.append(piece.data(), static_cast<std::size_t>(got));
    return user_.arrived();
  }
  const int error = error_ != 0 ? error_ : got < 0 ? errno : 0;
  close();
  user_.ended(error);
}

std::string words_of(int error) {
  if (error == ECONNREFUSED) return "connection refused";
  return std::string("connection lost: ") + (error == 0 ? "end" : std::strerror(error));
}

sluice::Expected<wire::Descriptor> connect_to(std::uint16_t port) {
  wire::Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  ::setsockopt(socket.number, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(socket.number, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 && errno != EINPROGRESS) {
    return sluice::fail(sluice::Error::Kind::Unavailable, words_of(errno));
  }
  return socket;
}

}  // namespace courier::drills
