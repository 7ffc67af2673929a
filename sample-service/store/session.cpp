#include "sample-service/store/session.h"

#include <charconv>

namespace courier {

long long Row::number(std::size_t column) const {
  const std::string& cell = cells_.at(column);
  long long value = 0;
  std::from_chars(cell.data(), cell.data() + cell.size(), value);
  return value;
}

}  // namespace courier
