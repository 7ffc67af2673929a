#include "controller/kube/credentials.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace sluice::kube {
namespace {

struct Folder {
  std::filesystem::path path = std::filesystem::path(testing::TempDir()) / ("sluice_credentials_" + std::to_string(getpid()));
  Folder() {
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  void write(const std::string& name, const std::string& text) const { std::ofstream(path / name) << text; }
};

TEST(InCluster, TokenAndCaAreReadAgainWhenTheyRotate) {
  Folder folder;
  folder.write("token", "t1\n");
  folder.write("ca.crt", "ca1");
  ManualClock clock;
  auto source = in_cluster_credentials({"fd00::1", "443", folder.path.string()}, clock);
  ASSERT_TRUE(source) << to_string(source.error());
  EXPECT_EQ((*source)->current()->headers["Authorization"], "Bearer t1");
  EXPECT_EQ((*source)->current()->endpoint.url, "https://[fd00::1]:443");
  folder.write("token", "t2");
  folder.write("ca.crt", "ca2");
  clock.advance(Duration(59'000));
  EXPECT_EQ((*source)->current()->headers["Authorization"], "Bearer t1");
  clock.advance(Duration(1'000));
  EXPECT_EQ((*source)->current()->headers["Authorization"], "Bearer t2");
  EXPECT_EQ((*source)->current()->endpoint.tls.ca, "ca2");
}

TEST(InCluster, A401ReadsTheTokenAtOnceAndAMissingFileKeepsTheLastOne) {
  Folder folder;
  folder.write("token", "t1");
  folder.write("ca.crt", "ca1");
  ManualClock clock;
  auto source = in_cluster_credentials({"10.0.0.1", "443", folder.path.string()}, clock);
  ASSERT_TRUE(source);
  folder.write("token", "t2");
  (*source)->refused();
  EXPECT_EQ((*source)->current()->headers["Authorization"], "Bearer t2");
  folder.write("token", "");
  (*source)->refused();
  EXPECT_EQ((*source)->current()->headers["Authorization"], "Bearer t2") << "a rotation in progress";
  std::filesystem::remove(folder.path / "token");
  folder.write("ca.crt", "");
  (*source)->refused();
  EXPECT_EQ((*source)->current()->headers["Authorization"], "Bearer t2");
  EXPECT_EQ((*source)->current()->endpoint.tls.ca, "ca1");
}

TEST(InCluster, OutsideOfAPodTheErrorSaysWhatToDo) {
  ManualClock clock;
  const auto outside = in_cluster_credentials({}, clock);
  ASSERT_FALSE(outside);
  EXPECT_NE(outside.error().message.find("give a kubeconfig"), std::string::npos);
  EXPECT_TRUE(in_cluster_credentials({"h", "1", "/nowhere"}, clock).error().is(Error::Kind::Invalid));
}

TEST(TransportCache, ATransportIsMadeAnewOnlyWhenTheEndpointChanges) {
  int made = 0;
  struct Nothing final : http::Transport {
    Expected<http::Response> send(const http::Request&, std::stop_token) override { return http::Response{}; }
    Expected<bool> stream(const http::Request&, const http::OnHead&, const http::OnChunk&, std::stop_token) override { return true; }
  };
  TransportCache cache([&](const http::Endpoint&) -> Expected<std::shared_ptr<http::Transport>> {
    ++made;
    return std::make_shared<Nothing>();
  });
  http::Endpoint endpoint;
  endpoint.url = "https://a";
  const auto first = cache.get(endpoint);
  EXPECT_EQ(*cache.get(endpoint), *first);
  endpoint.tls.client_key = "rotated";
  EXPECT_NE(*cache.get(endpoint), *first);
  EXPECT_EQ(made, 2);
}

}  // namespace
}  // namespace sluice::kube
