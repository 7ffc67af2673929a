// Which addresses a receiver may have. Clients name URLs, and without a guard courier would call whatever they name from
// inside the network it runs in: neighbours, the node, a cloud's metadata service. Names prove nothing, as their owner may
// let them resolve to anything at any time; so the guard looks at addresses, and the connection goes to the very address
// that was looked at (receivers.h). Pure, apart from resolve_host().
// Source of the ranges: IANA's registries of special-purpose addresses (RFC 6890).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/error.h"

namespace courier {

using sluice::Expected;

struct Address {
  bool v4 = true;
  std::array<std::uint8_t, 16> bytes{};  // of IPv4 the first four

  bool operator==(const Address&) const = default;
};
// "10.1.2.3", "fe80::1"; Invalid names the text. No host names, no old spellings such as "127.1".
Expected<Address> parse_address(std::string_view text);
std::string to_string(const Address& address);

struct Network {
  Address base{};
  int prefix = 32;

  bool contains(const Address& address) const;
};
// "10.0.0.0/8", or an address alone. Invalid names the text.
Expected<Network> parse_network(std::string_view text);

// Reachable by anybody on the internet: not private, loopback, link-local, shared, multicast, reserved or for examples.
// IPv6 addresses that carry an IPv4 one are judged by that one or refused.
bool is_public(const Address& address);

struct AddressPolicy {
  std::vector<Network> allowed{};  // beside the public ones

  bool allows(const Address& address) const;
};

// The addresses of a name, in the order to try them. Unavailable: it has none, or cannot be asked now.
using ResolveHost = std::function<Expected<std::vector<Address>>(const std::string& host)>;
// The system's resolver. Blocks, for seconds when the name servers are silent.
Expected<std::vector<Address>> resolve_host(const std::string& host);

}  // namespace courier
