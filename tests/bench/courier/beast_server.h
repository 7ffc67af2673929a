// The least that Boost.Beast can do with a connection: read a request, write the same answer, again. What common/http and courier
// add is measured against it.
#pragma once

#include <cstdint>
#include <string>

#include "common/core/error.h"

namespace courier::bench {

// Serves on loopback, on the calling thread, until the process ends. Unavailable: the port is taken.
sluice::Expected<void> serve_beast(std::uint16_t port, const std::string& body);

}  // namespace courier::bench
