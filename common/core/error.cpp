#include "common/core/error.h"

namespace sluice {

std::string_view name(Error::Kind kind) {
  switch (kind) {
    case Error::Kind::Invalid: return "Invalid";
    case Error::Kind::NotFound: return "NotFound";
    case Error::Kind::Exists: return "Exists";
    case Error::Kind::Conflict: return "Conflict";
    case Error::Kind::Forbidden: return "Forbidden";
    case Error::Kind::Expired: return "Expired";
    case Error::Kind::Unavailable: return "Unavailable";
    case Error::Kind::Cancelled: return "Cancelled";
    case Error::Kind::Corrupt: return "Corrupt";
    case Error::Kind::Internal: return "Internal";
  }
  return "Internal";
}

std::string to_string(const Error& error) {
  std::string text = std::string(name(error.kind)) + ": " + error.message;
  if (error.http_status != 0) text += " (HTTP " + std::to_string(error.http_status) + ")";
  return text;
}

}  // namespace sluice
