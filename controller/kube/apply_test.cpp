#include "controller/kube/apply.h"

#include <gtest/gtest.h>

#include "controller/kube/scripted_for_test.h"

namespace sluice::kube {
namespace {

using namespace test;

TEST(Apply, JsonPatchesTestWhatTheyRelyOn) {
  const Json patch = JsonPatch()
                         .test_uid("u")
                         .test_version("7")
                         .replace(pointer({"metadata", "annotations", "sluice.dev/a~b"}), "x")
                         .remove("/spec/paused")
                         .json();
  EXPECT_EQ(patch,
            *parse_json(R"([{"op":"test","path":"/metadata/uid","value":"u"},{"op":"test","path":"/metadata/resourceVersion","value":"7"},
    {"op":"replace","path":"/metadata/annotations/sluice.dev~1a~0b","value":"x"},{"op":"remove","path":"/spec/paused"}])"));
}

TEST(Apply, ServerSideApplyNamesItsManagerAndKind) {
  ScriptedHttp http;
  http.transport->answer(200, object("web", "2"));
  ASSERT_TRUE(apply(http.api, resources::kConfigMaps,
                    {{"metadata", {{"namespace", "shop"}, {"name", "web"}, {"managedFields", Json::array()}}}}, "sluice"));
  EXPECT_EQ(http.transport->requests[0].target, "/api/v1/namespaces/shop/configmaps/web?fieldManager=sluice&force=true&timeout=4s");
  EXPECT_EQ(*parse_json(http.transport->requests[0].body),
            (Json{{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", {{"namespace", "shop"}, {"name", "web"}}}}));
  EXPECT_TRUE(apply(http.api, resources::kConfigMaps, Json(3), "sluice").error().is(Error::Kind::Invalid));
}

TEST(Apply, AConflictReadsAgainAndDecidesAgain) {
  ScriptedHttp http;
  http.transport->answer(200, object("web", "1"));
  http.transport->answer(409, {{"kind", "Status"}, {"reason", "Conflict"}});
  http.transport->answer(200, object("web", "2"));
  http.transport->answer(200, object("web", "3"));
  int decided = 0;
  const auto written = update_with(http.api, resources::kConfigMaps, {"shop", "web"}, [&](Json& json) {
    json["data"]["n"] = ++decided;
    return true;
  });
  ASSERT_TRUE(written);
  EXPECT_EQ(decided, 2);
  const Json sent = *parse_json(http.transport->requests[3].body);
  EXPECT_EQ(sent["metadata"]["resourceVersion"], "2");
  EXPECT_EQ(sent["data"]["n"], 2);
}

TEST(Apply, WhatChangesNothingIsNotWritten) {
  ScriptedHttp http;
  http.transport->answer(200, object("web", "1"));
  ASSERT_TRUE(update_with(http.api, resources::kConfigMaps, {"shop", "web"}, [](Json&) { return true; }));
  EXPECT_EQ(http.transport->requests.size(), 1u);
}

TEST(Apply, ConflictsAreNotFoughtForever) {
  ScriptedHttp http;
  for (int i = 0; i < 20; ++i) {
    http.transport->answer(200, object("web", "1"));
    http.transport->answer(409, {{"kind", "Status"}, {"reason", "Conflict"}});
  }
  const auto written = update_with(
      http.api, resources::kConfigMaps, {"shop", "web"}, [](Json& json) { return json["x"] = 1, true; }, {}, 3);
  EXPECT_TRUE(written.error().is(Error::Kind::Conflict));
  EXPECT_EQ(http.transport->requests.size(), 6u);
}

}  // namespace
}  // namespace sluice::kube
