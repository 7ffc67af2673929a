#include "controller/kube/kubeconfig.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "common/core/base64.h"
#include "controller/kube/exec_plugin.h"

namespace sluice::kube {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Kubeconfig : public testing::Test {
 protected:
  Kubeconfig() {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
  }
  ~Kubeconfig() override { std::filesystem::remove_all(folder); }

  std::string write(const std::string& name, const std::string& text, bool executable = false) const {
    std::ofstream(folder / name) << text;
    if (executable) std::filesystem::permissions(folder / name, std::filesystem::perms::owner_all);
    return (folder / name).string();
  }
  // One cluster, one user, one context.
  std::string write_config(const std::string& cluster, const std::string& user, const std::string& name = "config") const {
    return write(name,
                 "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u, namespace: shop}}]\n"
                 "clusters: [{name: k, cluster: " +
                     cluster + "}]\nusers: [{name: u, user: " + user + "}]\n");
  }
  Expected<KubeContext> load(std::vector<std::string> paths, const std::string& context = "") const {
    KubeconfigOptions options;
    options.paths = std::move(paths);
    options.context = context;
    return load_kubeconfig(options, clock);
  }
  Credentials current(const Expected<KubeContext>& context) const {
    if (!context) {
      ADD_FAILURE() << to_string(context.error());
      return {};
    }
    const auto now = context->credentials->current();
    EXPECT_TRUE(now) << to_string(now.error());
    return now ? *now : Credentials{};
  }
  std::string problem(const std::string& cluster, const std::string& user) const {
    const auto context = load({write_config(cluster, user)});
    if (context) return "no problem";
    EXPECT_TRUE(context.error().is(Error::Kind::Invalid));
    return context.error().message;
  }

  ManualClock clock;
  std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / ("sluice_kubeconfig_" + std::to_string(getpid()));
};

TEST_F(Kubeconfig, InlineDataFilesAndServerNameBecomeAnEndpoint) {
  write("key.pem", "KEY\n");
  const auto context = load({write_config("{server: 'https://10.0.0.1:6443/k8s/c1/', certificate-authority-data: " + base64("CA") +
                                              ", tls-server-name: k8s.local, proxy-url: 'http://proxy:3128'}",
                                          "{client-certificate-data: " + base64("CERT") + ", client-key: key.pem}")});
  const Credentials now = current(context);
  EXPECT_EQ(context->ns, "shop");
  EXPECT_EQ(now.endpoint.url, "https://10.0.0.1:6443");
  EXPECT_EQ(now.path_prefix, "/k8s/c1");
  EXPECT_EQ(now.endpoint.tls.ca, "CA");
  EXPECT_EQ(now.endpoint.tls.server_name, "k8s.local");
  EXPECT_EQ(now.endpoint.proxy, "http://proxy:3128");
  EXPECT_EQ(now.endpoint.tls.client_certificate, "CERT");
  EXPECT_EQ(now.endpoint.tls.client_key, "KEY");
  EXPECT_FALSE(now.headers.contains("Authorization"));
}

TEST_F(Kubeconfig, OfSeveralFilesTheFirstToSaySomethingWinsAndMissingOnesAreSkipped) {
  const std::string first =
      write("first", "contexts: [{name: a, context: {cluster: k, user: u}}]\nusers: [{name: u, user: {token: first}}]\n");
  const std::string second = write("second",
                                   "current-context: a\nclusters: [{name: k, cluster: {server: 'https://second'}}]\n"
                                   "users: [{name: u, user: {token: second}}, {name: v, user: {token: v}}]\n"
                                   "contexts: [{name: b, context: {cluster: k, user: v}}]\n");
  const std::vector<std::string> paths{first, (folder / "missing").string(), second};
  const Credentials a = current(load(paths));
  EXPECT_EQ(a.endpoint.url, "https://second");
  EXPECT_EQ(a.headers.at("Authorization"), "Bearer first");
  EXPECT_EQ(current(load(paths, "b")).headers.at("Authorization"), "Bearer v");
}

TEST_F(Kubeconfig, WhereToLookIsDecidedAsKubectlDoes) {
  EXPECT_THAT(kubeconfig_paths("given", "a:b", "/home/me"), ElementsAre("given"));
  EXPECT_THAT(kubeconfig_paths("", "a::b:", "/home/me"), ElementsAre("a", "b"));
  EXPECT_THAT(kubeconfig_paths("", "", "/home/me"), ElementsAre("/home/me/.kube/config"));
}

TEST_F(Kubeconfig, ErrorsNameWhatIsWrongAndWhere) {
  EXPECT_THAT(problem("{server: nonsense}", "{}"), HasSubstr("\"nonsense\" is not a URL"));
  EXPECT_THAT(problem("{server: 'https://a', certificate-authority-data: '!'}", "{}"),
              HasSubstr("certificate-authority-data is not base64"));
  EXPECT_THAT(problem("{server: 'https://a', insecure-skip-tls-verify: true, certificate-authority-data: QQ==}", "{}"),
              HasSubstr("exclude each other"));
  EXPECT_THAT(problem("{server: 'https://a'}", "{client-key-data: QQ==}"), HasSubstr("must be given together"));
  EXPECT_THAT(problem("{server: 'https://a'}", "{auth-provider: {name: gcp}}"), HasSubstr("use exec"));
  EXPECT_THAT(problem("{server: 'https://a'}", "{exec: {command: x, apiVersion: v0}}"), HasSubstr("exec.apiVersion \"v0\" is not known"));
  EXPECT_THAT(load({write_config("{server: 'https://a'}", "{}")}, "nope").error().message, HasSubstr("there are: c"));
  EXPECT_THAT(load({(folder / "missing").string()}).error().message, HasSubstr("missing"));
  EXPECT_THAT(load({}).error().message, HasSubstr("no kubeconfig found"));
  EXPECT_THAT(load({write("bad", "a: [b")}).error().message, HasSubstr("not YAML"));
  EXPECT_THAT(load({write("list", "[a]")}).error().message, HasSubstr("not a YAML map"));
}

TEST_F(Kubeconfig, HostileYamlIsAnErrorAndNotACrash) {
  for (const std::string& text :
       {std::string(100'000, '['), std::string("&a [*a]"), std::string("contexts: 3\nclusters: {a: b}\nusers: [1, [2], {name: [x]}]"),
        std::string("\xff\xfe\x01"), std::string("current-context: [c]"), std::string("? {a: b} : c"), std::string()})
    EXPECT_FALSE(load({write("hostile", text)})) << text.substr(0, 30);
}

TEST_F(Kubeconfig, TokenFilesAndCertificatesAreReadAgain) {
  write("token", "t1");
  const auto context = load({write_config("{server: 'https://a'}", "{token: old, tokenFile: token}")});
  EXPECT_EQ(current(context).headers.at("Authorization"), "Bearer t1");
  write("token", "t2");
  EXPECT_EQ(current(context).headers.at("Authorization"), "Bearer t1");
  clock.advance(Duration(60'000));
  EXPECT_EQ(current(context).headers.at("Authorization"), "Bearer t2");
  write("token", "t3");
  context->credentials->refused();
  EXPECT_EQ(current(context).headers.at("Authorization"), "Bearer t3");
}

TEST_F(Kubeconfig, BasicAuthenticationAndImpersonation) {
  const auto headers =
      current(load({write_config("{server: 'https://a'}", "{username: me, password: 'p:w', as: robot, as-uid: '7'}")})).headers;
  EXPECT_EQ(headers.at("Authorization"), "Basic " + base64("me:p:w"));
  EXPECT_EQ(headers.at("Impersonate-User"), "robot");
  EXPECT_EQ(headers.at("Impersonate-Uid"), "7");
}

TEST_F(Kubeconfig, ExecPluginsRunOnceUntilTheirCredentialExpiresOrIsRefused) {
  const std::string expires = format_time(clock.now() + Duration(3'600'000));
  write("plugin",
        "#!/bin/sh\necho run >> '" + (folder / "runs").string() + "'\nn=$(wc -l < '" + (folder / "runs").string() +
            "')\n"
            "echo "
            "'{\"apiVersion\":\"client.authentication.k8s.io/"
            "v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"'\"$1-$MODE-$n\"'\",\"expirationTimestamp\":\"" +
            expires + "\"}}'\n",
        true);
  const auto context = load({write_config("{server: 'https://a'}",
                                          "{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, args: [get], "
                                          "env: [{name: MODE, value: test}]}}")});
  EXPECT_EQ(current(context).headers.at("Authorization"), "Bearer get-test-1");
  EXPECT_EQ(current(context).headers.at("Authorization"), "Bearer get-test-1");
  context->credentials->refused();
  EXPECT_EQ(current(context).headers.at("Authorization"), "Bearer get-test-2");
  clock.advance(Duration(3'595'000));
  EXPECT_EQ(current(context).headers.at("Authorization"), "Bearer get-test-3") << "renewed shortly before it expires";
}

ExecPlugin shell(const std::string& script) { return {"sh", {"-c", script}, {}, "client.authentication.k8s.io/v1", true, "install it"}; }

TEST(ExecPlugin, HearsOfTheClusterAndMayGiveACertificate) {
  http::Endpoint cluster;
  cluster.url = "https://10.0.0.1:6443";
  const auto got = run_exec_plugin(shell(R"sh(case "$KUBERNETES_EXEC_INFO" in *'"server":"https://10.0.0.1:6443"'*) ;; *) exit 3;; esac
    echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"clientCertificateData":"C","clientKeyData":"K"}}')sh"),
                                   cluster);
  ASSERT_TRUE(got) << to_string(got.error());
  EXPECT_EQ(got->client_certificate, "C");
  EXPECT_EQ(got->client_key, "K");
  EXPECT_FALSE(got->expires);
}

TEST(ExecPlugin, FailuresAreErrorsThatNameThePluginAndNeverItsSecrets) {
  const auto message = [](const std::string& script, Duration longest = Duration(60'000)) {
    const auto got = run_exec_plugin(shell(script), {}, longest);
    return got ? "no error" : std::string(name(got.error().kind)) + ": " + got.error().message;
  };
  EXPECT_EQ(message("exit 7"), "Unavailable: credential plugin sh failed (exit code 7); install it");
  EXPECT_EQ(message("kill -9 $$"), "Unavailable: credential plugin sh failed (signal 9); install it");
  EXPECT_EQ(message("echo secret"), "Corrupt: credential plugin sh did not print an ExecCredential");
  EXPECT_THAT(message("while :; do echo secretsecretsecretsecretsecretsecretsecretsecretsecret; done"), HasSubstr("more than 1 MiB"));
  EXPECT_THAT(message("sleep 1000", Duration(50)), HasSubstr("did not end within 50ms"));
  EXPECT_THAT(message("exec >&-; sleep 1000", Duration(50)), HasSubstr("did not end within 50ms"));
  ExecPlugin missing;
  missing.command = "no-such-plugin";
  EXPECT_THAT(run_exec_plugin(missing, {}).error().message, HasSubstr("cannot be started: No such file"));
}

}  // namespace
}  // namespace sluice::kube
