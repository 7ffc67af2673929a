// Pages of a list: one row more than a page is read, which tells whether there is a next one.
#pragma once

#include <algorithm>
#include <string_view>

#include "sample-service/store/session.h"
#include "sample-service/store/store.h"

namespace courier {

// Sorts after every id, in whatever collation the database has: ids begin with hexadecimal digits.
inline constexpr std::string_view kAfterAll = "zzzzzzzz";

inline std::size_t page_limit(const Page& page) { return std::clamp<std::size_t>(page.limit, 1, 500); }
inline long long rows_to_read(const Page& page) { return static_cast<long long>(page_limit(page)) + 1; }

template <typename Item, typename Read, typename Mark>
Slice<Item> slice(const Result& found, const Page& page, Read read, Mark mark) {
  Slice<Item> result;
  const std::size_t count = std::min(found.rows.size(), page_limit(page));
  for (std::size_t i = 0; i < count; ++i) result.items.push_back(read(found.rows[i]));
  if (found.rows.size() > count) result.next = mark(result.items.back());
  return result;
}

}  // namespace courier
