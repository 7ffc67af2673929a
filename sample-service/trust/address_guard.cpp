#include "sample-service/trust/address_guard.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>

namespace courier {
namespace {

using sluice::Error;
using sluice::fail;

const std::vector<Network>& special_v4() {
  static const std::vector<Network> networks = [] {
    std::vector<Network> parsed;
    for (const char* text :
         {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
          "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"}) {
      parsed.push_back(*parse_network(text));
    }
    return parsed;
  }();
  return networks;
}

// Within 2000::/3, which alone is global unicast.
const std::vector<Network>& special_v6() {
  static const std::vector<Network> networks = [] {
    std::vector<Network> parsed;
    for (const char* text : {"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"}) parsed.push_back(*parse_network(text));
    return parsed;
  }();
  return networks;
}

bool in_any(const std::vector<Network>& networks, const Address& address) {
  return std::any_of(networks.begin(), networks.end(), [&](const Network& network) { return network.contains(address); });
}

// ::ffff:a.b.c.d is a.b.c.d.
Address unmapped(const Address& address) {
  static constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (address.v4 || !std::equal(kMapped.begin(), kMapped.end(), address.bytes.begin())) return address;
  Address v4;
  std::copy(address.bytes.begin() + 12, address.bytes.end(), v4.bytes.begin());
  return v4;
}

}  // namespace

Expected<Address> parse_address(std::string_view text) {
  const std::string copy(text);
  Address address;
  if (::inet_pton(AF_INET, copy.c_str(), address.bytes.data()) == 1) return address;
  address.v4 = false;
  if (::inet_pton(AF_INET6, copy.c_str(), address.bytes.data()) == 1) return address;
  return fail(Error::Kind::Invalid, "'" + copy + "' is not an IP address");
}

std::string to_string(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(address.v4 ? AF_INET : AF_INET6, address.bytes.data(), text.data(), text.size());
  return text.data();
}

bool Network::contains(const Address& address) const {
  if (address.v4 != base.v4) return false;
  for (int bit = 0; bit < prefix; ++bit) {
    const auto index = static_cast<std::size_t>(bit / 8);
    const int mask = 0x80 >> (bit % 8);
    if ((address.bytes[index] & mask) != (base.bytes[index] & mask)) return false;
  }
  return true;
}

Expected<Network> parse_network(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = parse_address(text.substr(0, slash));
  if (!address) return fail(Error::Kind::Invalid, "'" + std::string(text) + "' is not a network; write 10.0.0.0/8 or fd00::/8");
  const int longest = address->v4 ? 32 : 128;
  Network network{*address, longest};
  if (slash != std::string_view::npos) {
    const auto digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), network.prefix);
    if (error != std::errc() || end != digits.data() + digits.size() || network.prefix < 0 || network.prefix > longest) {
      return fail(Error::Kind::Invalid, "'" + std::string(text) + "': the length of the prefix must be 0 to " + std::to_string(longest));
    }
  }
  return network;
}

bool is_public(const Address& given) {
  const Address address = unmapped(given);
  if (address.v4) return !in_any(special_v4(), address);
  const bool global_unicast = (address.bytes[0] & 0xe0) == 0x20;
  return global_unicast && !in_any(special_v6(), address);
}

bool AddressPolicy::allows(const Address& address) const { return is_public(address) || in_any(allowed, unmapped(address)); }

Expected<std::vector<Address>> resolve_host(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
  if (failed != 0) return fail(Error::Kind::Unavailable, "host '" + host + "' cannot be resolved: " + ::gai_strerror(failed));
  std::vector<Address> addresses;
  for (const addrinfo* entry = found; entry; entry = entry->ai_next) {
    Address address;
    if (entry->ai_family == AF_INET) {
      sockaddr_in v4{};
      std::memcpy(&v4, entry->ai_addr, sizeof v4);
      std::memcpy(address.bytes.data(), &v4.sin_addr, 4);
    } else if (entry->ai_family == AF_INET6) {
      sockaddr_in6 v6{};
      std::memcpy(&v6, entry->ai_addr, sizeof v6);
      address.v4 = false;
      std::memcpy(address.bytes.data(), &v6.sin6_addr, 16);
    } else {
      continue;
    }
    addresses.push_back(address);
  }
  return addresses;
}

}  // namespace courier
