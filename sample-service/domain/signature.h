// What a receiver checks that a delivery came from us, as Standard Webhooks has it (standardwebhooks.com): the header
// webhook-signature is "v1," and the base64 of HMAC-SHA256 over "<webhook-id>.<webhook-timestamp>.<body>".
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace courier {

// secret: "whsec_" and base64, as that standard writes it, or any other text, taken as it is. timestamp: seconds since 1970.
std::string sign(std::string_view secret, std::string_view id, long long timestamp, std::string_view body);

// The signatures of several secrets, separated by blanks: a receiver takes a delivery if it knows one of them.
std::string sign_with_each(const std::vector<std::string>& secrets, std::string_view id, long long timestamp, std::string_view body);

}  // namespace courier
