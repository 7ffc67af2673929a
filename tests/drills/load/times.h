// Instants are of the monotonic clock, which the runner's time.monotonic() reads too.
#pragma once

#include <chrono>

namespace courier::drills {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using Nanoseconds = std::chrono::nanoseconds;

// At most some centuries.
inline Nanoseconds nanoseconds(double seconds) { return Nanoseconds(static_cast<Nanoseconds::rep>(seconds * 1e9)); }
inline double seconds(Nanoseconds length) { return std::chrono::duration<double>(length).count(); }

}  // namespace courier::drills
