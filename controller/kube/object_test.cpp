#include "controller/kube/object.h"

#include <gtest/gtest.h>

namespace sluice::kube {
namespace {

TEST(Object, MetadataIsReadIntoAValue) {
  const auto json = parse_json(R"({"metadata":{"namespace":"shop","name":"web","uid":"u1","resourceVersion":"42",
    "generation":7,"labels":{"app":"web"},"annotations":{"a":"b"},"finalizers":["f1"],
    "creationTimestamp":"2026-11-23T12:00:00Z","deletionTimestamp":"2026-11-23T12:00:01Z",
    "ownerReferences":[{"kind":"Other","uid":"x"},{"apiVersion":"apps/v1","kind":"Deployment","name":"d","uid":"u0",
    "controller":true}]}})");
  ASSERT_TRUE(json);
  const ObjectMeta meta = parse_meta(*json);
  EXPECT_EQ(meta.key(), (Name{"shop", "web"}));
  EXPECT_EQ(meta.uid, "u1");
  EXPECT_EQ(meta.resource_version, "42");
  EXPECT_EQ(meta.generation, 7);
  EXPECT_EQ(meta.label("app"), "web");
  EXPECT_EQ(meta.annotation("a"), "b");
  EXPECT_EQ(meta.label("none"), "");
  ASSERT_TRUE(meta.owner);
  EXPECT_EQ(*meta.owner, (OwnerRef{"apps/v1", "Deployment", "d", "u0"}));
  ASSERT_TRUE(meta.creation_time && meta.deletion_time);
  EXPECT_EQ(*meta.deletion_time - *meta.creation_time, Duration(1000));
  EXPECT_EQ(meta.finalizers, std::vector<std::string>{"f1"});
}

TEST(Object, WrongTypesReadAsDefaults) {
  for (const char* text : {"null", "[]", "3", "\"x\"", R"({"metadata":3})",
                           R"({"metadata":{"name":1,"namespace":[],"labels":[1],"annotations":{"a":1},"generation":"x",
                               "ownerReferences":[null,{"controller":"yes"}],"finalizers":{},"creationTimestamp":"never"}})"})
    EXPECT_EQ(parse_meta(*parse_json(text)), ObjectMeta{}) << text;
}

TEST(Object, VersionsAreComparedAsNumbersOfAnyLength) {
  EXPECT_EQ(newer("10", "9"), true);
  EXPECT_EQ(newer("9", "10"), false);
  EXPECT_EQ(newer("10", "10"), false);
  EXPECT_EQ(newer("0010", "9"), true);
  EXPECT_EQ(newer("18446744073709551617", "18446744073709551616"), true);
  EXPECT_EQ(newer("", "9"), std::nullopt);
  EXPECT_EQ(newer("12a", "9"), std::nullopt);
}

TEST(Object, HostileTextIsAnErrorAndNotACrash) {
  for (const std::string& text :
       {std::string("{\"a\":"), std::string("NaN"), std::string("{\"a\":NaN}"), std::string(), std::string("{}{}"),
        std::string("\"\xff\xfe\""), std::string(1'000'000, '['), std::string(300, '[') + std::string(300, ']')}) {
    const auto parsed = parse_json(text);
    ASSERT_FALSE(parsed) << text.substr(0, 20);
    EXPECT_TRUE(parsed.error().is(Error::Kind::Corrupt));
  }
  EXPECT_TRUE(parse_json(R"({"text":"[[[[\"{{{{"})"));
}

}  // namespace
}  // namespace sluice::kube
