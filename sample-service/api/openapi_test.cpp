#include <algorithm>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sample-service/api/api.h"
#include "sample-service/api/routes.h"

namespace courier {
namespace {

const nlohmann::json& document() {
  static const nlohmann::json json = nlohmann::json::parse(openapi_document());
  return json;
}

TEST(OpenApi, DescribesTheRoutesThatThereAreAndNoOthers) {
  std::set<std::string> served;
  for (const Route& route : routes()) served.insert(std::string(route.method) + " " + std::string(route.pattern));
  std::set<std::string> described;
  for (const auto& [path, operations] : document()["paths"].items()) {
    for (const auto& [method, operation] : operations.items()) {
      std::string upper = method;
      std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
      described.insert(upper + " " + path);
    }
  }
  EXPECT_EQ(described, served);
}

TEST(OpenApi, NamesTheScopeOfEachRoute) {
  for (const Route& route : routes()) {
    std::string method(route.method);
    std::transform(method.begin(), method.end(), method.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const auto& operation = document()["paths"][std::string(route.pattern)][method];
    const std::string description = operation.value("description", "");
    EXPECT_EQ(description.find("scope `" + std::string(route.scope) + "`") != std::string::npos, !route.scope.empty())
        << method << " " << route.pattern;
  }
}

// Every "$ref" leads somewhere.
void check_references(const nlohmann::json& node) {
  if (node.is_object() && node.contains("$ref")) {
    const auto reference = node["$ref"].get<std::string>();
    ASSERT_TRUE(reference.starts_with("#/")) << reference;
    EXPECT_TRUE(document().contains(nlohmann::json::json_pointer(reference.substr(1)))) << reference;
  }
  if (node.is_structured()) {
    for (const auto& child : node) check_references(child);
  }
}

TEST(OpenApi, ItsReferencesLeadSomewhere) { check_references(document()); }

TEST(OpenApi, OverloadSaysWhenToComeBack) {
  for (const char* response : {"TooManyRequests", "Unavailable"}) {
    EXPECT_TRUE(document()["components"]["responses"][response]["headers"]["Retry-After"]["required"].get<bool>());
  }
}

}  // namespace
}  // namespace courier
