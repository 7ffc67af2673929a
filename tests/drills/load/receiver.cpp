#include "tests/drills/load/receiver.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "tests/drills/load/delivery_reader.h"

namespace courier::drills {

class Receiver::Caller final : private Stream::User {
 public:
  Caller(Receiver& receiver, wire::Descriptor socket) : stream(receiver.loop_, std::move(socket), *this), receiver_(receiver) {}

  Stream stream;
  std::list<std::shared_ptr<Caller>>::iterator place{};

 private:
  void arrived() override {
    while (!silent_) {
      const auto delivery = read_delivery(stream.text());
      if (!delivery) {
        std::fprintf(stderr, "drill-load: receiver: %s\n", to_string(delivery.error()).c_str());
        stream.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        return receiver_.drop(*this);
      }
      if (!*delivery) return;
      stream.text().erase(0, (*delivery)->bytes);
      if (!take(**delivery)) return receiver_.drop(*this);
    }
  }
  void ended(int) override { receiver_.drop(*this); }

  // False: the connection ends with it.
  bool take(const Delivery& delivery) {
    Ledger& ledger = receiver_.ledger_;
    switch (decide(receiver_.conduct_, receiver_.share_, ++receiver_.calls_, ledger.delivered(delivery.id))) {
      case Conduct::Silent: silent_ = true; return true;
      case Conduct::Drops: return false;
      case Conduct::Ok:
        ledger.effect(delivery.key, delivery.id);
        stream.send("HTTP/1.1 204 No Content\r\n\r\n");
        return true;
      case Conduct::Errors:
      case Conduct::Repeats: stream.send("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"); return true;
    }
    return false;
  }

  Receiver& receiver_;
  bool silent_ = false;
};

sluice::Expected<std::unique_ptr<Receiver>> Receiver::open(Loop& loop, Ledger& ledger) {
  wire::Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const plain = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket.number, plain, size) != 0 || ::listen(socket.number, 1024) != 0 || ::getsockname(socket.number, plain, &size) != 0) {
    return sluice::fail(sluice::Error::Kind::Unavailable, std::string("receiver: cannot listen on loopback: ") + std::strerror(errno));
  }
  return std::unique_ptr<Receiver>(new Receiver(loop, ledger, std::move(socket), ntohs(address.sin_port)));
}

Receiver::Receiver(Loop& loop, Ledger& ledger, wire::Descriptor socket, std::uint16_t port)
    : loop_(loop), ledger_(ledger), socket_(std::move(socket)), port_(port) {
  loop_.watch(socket_.number, EPOLLIN, *this);
}

Receiver::~Receiver() { loop_.forget(socket_.number); }

void Receiver::ready(std::uint32_t) {
  wire::Descriptor socket(::accept4(socket_.number, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (socket.number < 0) return;
  const int on = 1;
  ::setsockopt(socket.number, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  Caller& caller = *callers_.emplace_back(std::make_shared<Caller>(*this, std::move(socket)));
  caller.place = std::prev(callers_.end());
}

void Receiver::drop(Caller& caller) {
  caller.stream.close();
  loop_.bury(*caller.place);
  callers_.erase(caller.place);
}

}  // namespace courier::drills
