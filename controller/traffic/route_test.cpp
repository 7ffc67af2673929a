#include "controller/traffic/route.h"

#include <gtest/gtest.h>

namespace sluice::traffic {
namespace {

const Split kSplit{"shop", "web", "web-canary", {}};

Json backend(const char* name, int weight) {
  return {{"group", ""}, {"kind", "Service"}, {"name", name}, {"port", 80}, {"weight", weight}};
}
Json rule(Json::initializer_list_t backends) { return {{"backendRefs", Json::array(backends)}}; }

TEST(Route, TheCanaryTakesItsShareOfTheServiceAndOtherBackendsKeepTheirRatio) {
  const Json original = Json::array({rule({backend("web", 3), backend("legacy", 1)})});
  const Json rules = *with_canary(original, kSplit, 25);
  EXPECT_EQ(rules[0]["backendRefs"][0]["weight"], 225);
  EXPECT_EQ(rules[0]["backendRefs"][1]["name"], "web-canary");
  EXPECT_EQ(rules[0]["backendRefs"][1]["weight"], 75);
  EXPECT_EQ(rules[0]["backendRefs"][2]["weight"], 100);
  EXPECT_EQ(canary_percent(rules, kSplit), 25);
}

TEST(Route, FiltersOfTheBackendAreCopiedAndRulesWithoutTheServiceStayByteForByte) {
  Json own = backend("web", 1);
  own["filters"] = {{{"type", "RequestHeaderModifier"}}};
  const Json original = Json::array({rule({own}), rule({backend("static", 7)}), {{"matches", {{{"path", "/x"}}}}}});
  const Json rules = *with_canary(original, kSplit, 10);
  EXPECT_EQ(rules[0]["backendRefs"][1]["filters"], own["filters"]);
  EXPECT_EQ(rules[1], original[1]);
  EXPECT_EQ(rules[2], original[2]);
}

TEST(Route, OnlyNamedRulesAreSplit) {
  Split split = kSplit;
  split.rules = {"api"};
  Json api = rule({backend("web", 1)}), page = rule({backend("web", 1)});
  api["name"] = "api";
  page["name"] = "page";
  const Json rules = *with_canary(Json::array({api, page}), split, 50);
  EXPECT_EQ(rules[0]["backendRefs"].size(), 2U);
  EXPECT_EQ(rules[1], page);
  split.rules = {"gone"};
  EXPECT_FALSE(with_canary(Json::array({api, page}), split, 50));
}

TEST(Route, ServicesOfOtherNamespacesAndKindsAreNotOurs) {
  Json foreign = backend("web", 1);
  foreign["namespace"] = "other";
  Json import = backend("web", 1);
  import["kind"] = "ServiceImport";
  EXPECT_FALSE(with_canary(Json::array({rule({foreign, import})}), kSplit, 5));
}

TEST(Route, TakingTheCanaryOutOfAnEditedRouteKeepsTheEdit) {
  Json edited = *with_canary(Json::array({rule({backend("web", 1)})}), kSplit, 25);
  edited[0]["timeouts"] = {{"request", "3s"}};
  const Json rules = without_canary(edited, kSplit);
  EXPECT_EQ(rules[0]["backendRefs"], Json::array({backend("web", 1)}));
  EXPECT_EQ(rules[0]["timeouts"]["request"], "3s");
  EXPECT_EQ(canary_percent(rules, kSplit), std::nullopt);
}

TEST(Route, SharesRoundUpAndTheLargestRuleCounts) {
  Json rules = *with_canary(Json::array({rule({backend("web", 1)}), rule({backend("web", 1)})}), kSplit, 0);
  EXPECT_EQ(canary_percent(rules, kSplit), 0);
  rules[1]["backendRefs"][1]["weight"] = 1;
  EXPECT_EQ(canary_percent(rules, kSplit), 1);
}

TEST(Route, AWeightThatCannotBeMultipliedIsRefusedByName) {
  const auto rules = with_canary(Json::array({rule({backend("web", 10001)})}), kSplit, 5);
  ASSERT_FALSE(rules);
  EXPECT_NE(rules.error().message.find("10001"), std::string::npos);
}

TEST(Route, HostileRulesAreLeftAlone) {
  for (const Json& rules :
       {Json::array({nullptr, 3, "x", Json::array(), {{"backendRefs", 5}}, {{"backendRefs", {nullptr, 4}}}}), Json(), Json("text")}) {
    EXPECT_FALSE(with_canary(rules, kSplit, 5));
    EXPECT_EQ(canary_percent(rules, kSplit), std::nullopt);
    EXPECT_EQ(without_canary(rules, kSplit), rules);
  }
}

}  // namespace
}  // namespace sluice::traffic
