#include "sample-service/faults/guard.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace courier {
namespace {

using sluice::Error;
using sluice::fail;
using sluice::http::Endpoint;
using sluice::http::OnChunk;
using sluice::http::OnHead;
using sluice::http::Request;
using sluice::http::Response;
using sluice::http::Transport;

class ApiServer final : public Transport {
 public:
  explicit ApiServer(Response answer) : answer_(std::move(answer)) {}
  Expected<Response> send(const Request& request, std::stop_token) override {
    asked.push_back(request);
    return answer_;
  }
  Expected<bool> stream(const Request&, const OnHead&, const OnChunk&, std::stop_token) override {
    return fail(Error::Kind::Internal, "nobody streams here");
  }
  std::vector<Request> asked{};

 private:
  Response answer_;
};

// A pod with its folder of account files, and an API server that says one thing.
class Guard : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("courier-guard-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    for (const auto& [name, text] : Labels{{"token", "secret"}, {"ca.crt", "PEM"}, {"namespace", "shop"}})
      std::ofstream(folder_ / name) << text;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  Expected<void> ask(int status, const std::string& body) {
    server_ = std::make_shared<ApiServer>(Response{status, {}, body});
    return may_inject({[this](const std::string& name) -> std::optional<std::string> {
                         const auto found = variables_.find(name);
                         return found == variables_.end() ? std::nullopt : std::optional(found->second);
                       },
                       folder_,
                       [this](const Endpoint& endpoint) -> Expected<std::shared_ptr<Transport>> {
                         endpoint_ = endpoint;
                         return std::shared_ptr<Transport>(server_);
                       }});
  }

  std::filesystem::path folder_{};
  Labels variables_{{"KUBERNETES_SERVICE_HOST", "10.96.0.1"}, {"KUBERNETES_SERVICE_PORT", "6443"}};
  std::shared_ptr<ApiServer> server_{};
  Endpoint endpoint_{};
};

TEST(ProductionLabel, IsFoundWhateverItsPrefixAndCase) {
  for (const Labels& labels : {Labels{{"environment", "production"}}, Labels{{"example.com/environment", "Production"}},
                               Labels{{"env", "prod"}}, Labels{{"a", "b"}, {"x.io/env", "PROD"}}}) {
    EXPECT_NE(production_label(labels), "") << labels.rbegin()->first;
  }
  for (const Labels& labels : {Labels{}, Labels{{"environment", "staging"}}, Labels{{"team", "production"}}, Labels{{"env", "pre-prod"}}}) {
    EXPECT_EQ(production_label(labels), "");
  }
}

TEST_F(Guard, OutsideOfAClusterNobodyIsAsked) {
  variables_.clear();
  EXPECT_TRUE(ask(500, ""));
  EXPECT_TRUE(server_->asked.empty());
}

TEST_F(Guard, TheOwnNamespaceIsReadWithTheOwnToken) {
  EXPECT_TRUE(ask(200, R"({"metadata": {"labels": {"environment": "staging"}}})"));
  ASSERT_EQ(server_->asked.size(), 1u);
  EXPECT_EQ(server_->asked[0].target, "/api/v1/namespaces/shop");
  EXPECT_EQ(server_->asked[0].headers.at("Authorization"), "Bearer secret");
  EXPECT_EQ(endpoint_.url, "https://10.96.0.1:6443");
  EXPECT_EQ(endpoint_.tls.ca, "PEM");
  EXPECT_TRUE(ask(200, R"({"metadata": {}})"));
}

TEST_F(Guard, AnIpv6AddressStandsInBrackets) {
  variables_["KUBERNETES_SERVICE_HOST"] = "fd00::1";
  EXPECT_TRUE(ask(200, R"({"metadata": {}})"));
  EXPECT_EQ(endpoint_.url, "https://[fd00::1]:6443");
}

TEST_F(Guard, ProductionIsRefusedByTheNameOfItsLabel) {
  const auto allowed = ask(200, R"({"metadata": {"labels": {"environment": "production"}}})");
  ASSERT_FALSE(allowed);
  EXPECT_TRUE(allowed.error().is(Error::Kind::Forbidden));
  EXPECT_NE(allowed.error().message.find("environment=production"), std::string::npos) << allowed.error().message;
}

TEST_F(Guard, WhatCannotBeReadCountsAsProduction) {
  for (const auto& [status, body] : {std::pair(403, "{}"),
                                     {404, "{}"},
                                     {500, ""},
                                     {200, "torn"},
                                     {200, "[]"},
                                     {200, R"({"metadata": 1})"},
                                     {200, R"({"metadata": {"labels": []}})"},
                                     {200, R"({"metadata": {"labels": {"env": 1}}})"}}) {
    const auto allowed = ask(status, body);
    ASSERT_FALSE(allowed) << status << body;
    EXPECT_NE(allowed.error().message.find("right to get its own namespace"), std::string::npos) << allowed.error().message;
  }
  std::filesystem::remove(folder_ / "token");
  EXPECT_FALSE(ask(200, R"({"metadata": {}})"));
}

}  // namespace
}  // namespace courier
