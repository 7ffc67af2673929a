// What the routes read from a request: pages of lists, JSON bodies. Pure; errors are Invalid and name the part.
#pragma once

#include <string>
#include <string_view>

#include "common/core/error.h"
#include "sample-service/store/store.h"

namespace courier {

// "cursor=...&limit=50", both optional; other parameters are refused, as a misspelt one would be ignored silently.
Expected<Page> parse_page(std::string_view query);
// The cursor that asks for what follows: a mark of the store, opaque to clients.
std::string cursor_of(const std::string& mark);

// Whether brackets are nested deeper than that. Asked before JSON is parsed: a megabyte of '[' is a valid text, and whoever
// walks through its value needs a stack as deep.
bool nests_deeper(std::string_view json, int levels);
inline constexpr int kDeepest = 100;

}  // namespace courier
