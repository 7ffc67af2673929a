// A file descriptor that is closed with its owner. Movable; -1 is none.
#pragma once

#include <unistd.h>

#include <utility>

namespace courier::wire {

struct Descriptor {
  Descriptor() = default;
  explicit Descriptor(int fd) : number(fd) {}
  Descriptor(Descriptor&& other) noexcept : number(std::exchange(other.number, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number, other.number);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
  int number = -1;
};

}  // namespace courier::wire
