// The routes of the data port: what there is, who may ask, and in which line it waits. Metrics are labelled with the
// patterns, never with raw paths. openapi.json describes the same routes to people; openapi_test.cpp compares the two.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

namespace courier {

enum class Operation {
  Index,
  Version,
  Echo,
  OpenApi,
  PostMessage,
  ListMessages,
  GetMessage,
  ReplayMessage,
  ListDeadLetters,
  CreateEndpoint,
  ListEndpoints,
  GetEndpoint,
  PatchEndpoint,
  DeleteEndpoint,
  RotateSecret,
  GetEndpointStats,
  PostToken,
  CreateTenant,
  CreateKey,
  ListKeys,
  RevokeKey,
};

// Routes of one class have limits of the same size, each its own.
enum class RouteClass {
  Free,    // answered on the loop, without a dependency: no limit
  Intake,  // takes messages in: the last to be refused
  Read,
  Change,
};

struct Route {
  Operation operation{};
  std::string_view method;
  std::string_view pattern;  // "/v1/messages/{id}"
  RouteClass kind = RouteClass::Free;
  std::string_view scope{};  // a token must have it; empty: open to everybody
};

std::span<const Route> routes();

struct Matched {
  const Route* route = nullptr;            // null: 404, or 405 when `allowed` says what would do
  std::string_view pattern = "unmatched";  // also of a route that does not have the method
  std::string allowed{};                   // "GET, HEAD, POST": the Allow header of a 405
  std::array<std::string, 2> ids{};        // what stands for {...}, in their order
};

// HEAD matches what GET does. Ids are 1 to 64 of [0-9A-Za-z-].
Matched match(std::string_view method, std::string_view path);

}  // namespace courier
