// Whether clients may name a receiver: its origin must be allowed, and a bare address must be one that may be called. Names
// are looked at again when they are resolved (trust/receivers.h). Pure.
#pragma once

#include <string>
#include <vector>

#include "sample-service/domain/message.h"
#include "sample-service/trust/address_guard.h"

namespace courier {

// The origins that the operator of courier listed itself, which are called whatever their address is.
std::vector<std::string> trusted_origins(const EndpointPolicy& policy);

// Invalid says why not.
Expected<void> check_receiver(const std::string& url, const EndpointPolicy& policy, const AddressPolicy& addresses);

}  // namespace courier
