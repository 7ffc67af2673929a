// A whole courier in the test's own process, on ports of loopback and an SQLite database in memory, and clients of both its ports.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/http/raw_server_for_test.h"
#include "common/http/transport.h"
#include "sample-service/service/service.h"

namespace courier::testing {

using namespace std::chrono_literals;
using nlohmann::json;
using sluice::http::Request;
using sluice::http::Response;
using sluice::http::testing::RawConnection;
using sluice::http::testing::RawServer;

inline Random counting_random() {
  auto next = std::make_shared<std::atomic<unsigned>>(0);
  return [next] { return (*next)++ * 2654435761U / 0x1p32; };  // 32 bits, as ids want them: no two of them are alike
}

class CourierService : public ::testing::Test {
 protected:
  CourierService() {
    settings.address = "127.0.0.1";
    settings.port = settings.admin_port = 0;
    settings.database = ":memory:";
    settings.identity = {"v7", "courier-abc"};
    settings.lame_duck = settings.closing = Duration(0);
    settings.worker.first_delay = Duration(10);
    settings.worker.longest_delay = Duration(20);
  }
  void start(Extras extras = {}) {
    auto started = Service::start(settings, std::move(extras), counting_random(),
                                  [](const std::string& origin) { return sluice::http::make_transport({.url = origin}); });
    ASSERT_TRUE(started) << started.error().message;
    service = std::move(*started);
    client = *sluice::http::make_transport({.url = "http://127.0.0.1:" + std::to_string(service->port())});
    admin = *sluice::http::make_transport({.url = "http://127.0.0.1:" + std::to_string(service->admin_port())});
  }
  static Response send(sluice::http::Transport& to, const std::string& method, const std::string& target, const std::string& body = {},
                       const sluice::http::Headers& headers = {}) {
    Request request;
    request.method = method;
    request.target = target;
    request.body = body;
    request.headers = headers;
    const auto answer = to.send(request);
    EXPECT_TRUE(answer) << to_string(answer.error());
    return answer.value_or(Response{});
  }
  Response get(const std::string& target) { return send(*client, "GET", target); }
  Response post(const std::string& body, const std::string& key) {
    return send(*client, "POST", "/v1/messages", body, {{"Idempotency-Key", key}});
  }
  Response ask(const std::string& method, const std::string& target, const std::string& body = {},
               const sluice::http::Headers& headers = {}) {
    return send(*client, method, target, body, headers);
  }
  // The answer to the creation of an endpoint that delivers to this receiver.
  Response start_with_endpoint(const RawServer& receiver) {
    settings.endpoints.allowed = {receiver.url()};
    start();
    return ask("POST", "/v1/endpoints", R"({"url": ")" + receiver.url() + R"(/hook"})");
  }
  // Asks until the message has ended; every request waits for an answer of the store, so this does not spin.
  json ended(const std::string& location) {
    const auto give_up = std::chrono::steady_clock::now() + 20s;
    for (;;) {
      const json message = json::parse(get(location).body);
      if (message["state"] != "pending" || std::chrono::steady_clock::now() > give_up) return message;
    }
  }

  Settings settings;
  std::unique_ptr<Service> service;
  std::shared_ptr<sluice::http::Transport> client;
  std::shared_ptr<sluice::http::Transport> admin;
};

// The value of a header in a head as it came over the wire; empty: it is not there.
inline std::string header_of(const std::string& head, const std::string& name) {
  const auto begin = head.find("\r\n" + name + ":");
  if (begin == std::string::npos) return {};
  const auto value = head.find_first_not_of(' ', begin + name.size() + 3);
  return head.substr(value, head.find("\r\n", value) - value);
}

}  // namespace courier::testing
