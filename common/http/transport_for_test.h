// What tests of the transport begin with: one to a server of the test's own, requests and answers.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "common/http/raw_server_for_test.h"
#include "common/http/transport.h"

namespace sluice::http::testing {

using namespace std::chrono_literals;

// On a thread of those that the library completes requests on (transport_cpprest.cpp).
void run_on_transport_pool(std::function<void()> work);

inline std::shared_ptr<Transport> transport_to(const RawServer& server) {
  auto transport = make_transport({.url = server.url()});
  EXPECT_TRUE(transport) << transport.error().message;
  return *transport;
}

inline Request get(std::string target, Duration deadline = 5s) {
  Request request;
  request.target = std::move(target);
  request.deadline = deadline;
  return request;
}

inline std::string answer(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace sluice::http::testing
