// The routes of the data port as templates: what metrics are labelled with, never the raw path.
#pragma once

#include <string>
#include <string_view>

namespace courier {

enum class Route { Index, Version, Echo, Messages, Message, Unknown };

struct Matched {
  Route route = Route::Unknown;
  std::string_view pattern = "unmatched";  // "/v1/messages/{id}"
  std::string id{};                        // of Route::Message
};

Matched match(std::string_view path);

// "GET, HEAD" and so on: what the Allow header of a 405 says.
std::string_view allowed_methods(Route route);
bool allows(Route route, std::string_view method);

}  // namespace courier
