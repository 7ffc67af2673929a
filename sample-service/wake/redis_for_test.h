// The Redis of tests: the one that COURIER_TEST_REDIS names (sample-service/with-servers starts one), or none.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

namespace courier::testing {

// Its URI, as the values of a suite that has no case without it.
inline std::vector<std::string> redis_if_there() {
  const char* uri = std::getenv("COURIER_TEST_REDIS");
  return uri ? std::vector<std::string>{uri} : std::vector<std::string>{};
}

}  // namespace courier::testing
