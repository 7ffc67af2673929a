#include "sample-service/admission/circuit.h"

#include <algorithm>

namespace courier {

bool Circuit::allow(Duration now) {
  if (state_ == State::Closed) return true;
  if (now < until_) return false;
  state_ = State::HalfOpen;
  until_ = now + policy_.longest_break;
  return true;
}

void Circuit::succeeded() {
  state_ = State::Closed;
  in_a_row_ = breaks_ = 0;
}

void Circuit::failed(Duration begun, Duration now, double unit) {
  if (state_ == State::Open || (state_ == State::HalfOpen && begun <= opened_)) return;  // was under way when it opened
  if (state_ == State::Closed && ++in_a_row_ < policy_.failures) return;
  open(now, unit);
}

void Circuit::trip(Duration now, double unit) {
  if (state_ == State::Closed) open(now, unit);
}

void Circuit::open(Duration now, double unit) {
  state_ = State::Open;
  opened_ = now;
  const auto whole = std::min<long long>(policy_.longest_break.count(), policy_.first_break.count() << std::min(breaks_++, 20));
  // Between half of the break and all of it.
  until_ = now + Duration(whole / 2 + static_cast<long long>(unit * static_cast<double>(whole - whole / 2)));
}

void Circuit::abandoned(Duration now) {
  if (state_ != State::HalfOpen) return;
  state_ = State::Open;
  until_ = now;
}

Duration Circuit::closed_for(Duration now) const { return state_ == State::Closed ? Duration(0) : std::max(Duration(0), until_ - now); }

std::string_view name(Circuit::State state) {
  switch (state) {
    case Circuit::State::Closed: return "closed";
    case Circuit::State::Open: return "open";
    case Circuit::State::HalfOpen: return "half-open";
  }
  return "closed";
}

}  // namespace courier
