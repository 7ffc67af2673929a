// A connected socket that never blocks: what arrived is collected, what cannot be sent yet is kept.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/core/error.h"
#include "tests/drills/load/loop.h"

namespace courier::drills {

class Stream final : public Loop::Handler {
 public:
  class User {
   public:
    virtual void arrived() = 0;
    // error: an errno, 0 if the other side ended it. Nothing is called after it.
    virtual void ended(int error) = 0;

   protected:
    ~User() = default;
  };

  // loop and user must outlive it, and it must be buried in the loop, not destroyed, while a round goes on.
  Stream(Loop& loop, wire::Descriptor socket, User& user);
  virtual ~Stream() { close(); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // What goes wrong here is told by ended(), later.
  void send(std::string_view text);
  // Of what arrived, the user removes what it has read.
  std::string& text() { return text_; }
  // The user is called no more. What was sent before still reaches the other side.
  void close();

 private:
  void ready(std::uint32_t events) override;
  void flush();

  Loop& loop_;
  wire::Descriptor socket_;
  User& user_;
  std::string text_;
  std::string unsent_;
  int error_ = 0;  // of sending
};

// A socket on its way to that port of loopback; whether it gets there is told by ended(). Unavailable: it is known already that it
// does not; the message is that of words_of().
sluice::Expected<wire::Descriptor> connect_to(std::uint16_t port);

// What a client calls an end: "connection refused", "connection lost: ...".
std::string words_of(int error);

}  // namespace courier::drills
