// How the receiver behaves. Pure.
#pragma once

#include <cstdint>

#include "tests/drills/load/share.h"

namespace courier::drills {

enum class Conduct {
  Ok,
  Errors,   // 500, nothing is taken
  Silent,   // never an answer, nothing is taken
  Drops,    // the connection ends without an answer, nothing is taken
  Repeats,  // 500 for what it has already
};

// What becomes of a delivery. count: deliveries before this one, share: of them that the conduct is for, known: it was taken before.
// Ok: it is taken; never Repeats.
inline Conduct decide(Conduct conduct, double share, std::uint64_t count, bool known) {
  if (conduct == Conduct::Repeats) return known ? Conduct::Errors : Conduct::Ok;
  return conduct != Conduct::Ok && every(count, share) ? conduct : Conduct::Ok;
}

}  // namespace courier::drills
