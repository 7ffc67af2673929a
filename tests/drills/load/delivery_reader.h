// Finds the end of a delivery in what has arrived so far: a POST whose body is framed by Content-Length. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/core/error.h"

namespace courier::drills {

struct Delivery {
  std::string id;   // webhook-id
  std::string key;  // its payload: the key of who posted it
  std::size_t bytes = 0;
};

// None: more must arrive. Corrupt: no delivery of courier's, or one of another payload than the drills have.
sluice::Expected<std::optional<Delivery>> read_delivery(std::string_view arrived);

}  // namespace courier::drills
