// Prints every change of the ConfigMaps of a cluster: a controller in its smallest form.
//   watch-configmaps [context]        (kubeconfig and pod are found as kubectl finds them; Ctrl-C ends it)
#include <csignal>
#include <iostream>
#include <random>
#include <thread>

#include "controller/kube/connect.h"
#include "controller/kube/informer.h"
#include "controller/kube/work_queue.h"

using namespace sluice;

struct ConfigMap {  // what of a ConfigMap we want to keep
  kube::ObjectMeta meta;
  std::size_t keys = 0;
};

ConfigMap parse_config_map(const kube::Json& json) {
  const kube::Json& data = kube::at(json, {"data"});
  return {kube::parse_meta(json), data.is_object() ? data.size() : 0};
}

int main(int argc, char** argv) {
  sigset_t signals;  // wait for signals in a thread of ours instead of being interrupted
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  const SystemClock clock;
  auto options = kube::ConnectOptions::from_environment();
  if (argc > 1) options.context = argv[1];
  const auto connection = kube::connect(options, clock);
  if (!connection) return std::cerr << to_string(connection.error()) << "\n", 1;

  const auto unit = [] {
    thread_local std::mt19937 random(std::random_device{}());
    return std::uniform_real_distribution<>()(random);
  };
  kube::WorkQueue<kube::Name> queue(clock, unit);
  kube::ReflectorOptions watching{.watch_list = true};
  watching.on_error = [](const Error& error) { std::cerr << to_string(error) << "\n"; };
  kube::Informer<ConfigMap> maps(*connection->api, kube::resources::kConfigMaps, parse_config_map, watching, clock, unit);
  maps.on_change([&](const kube::Change<ConfigMap>& change) { queue.add(change.key()); });

  std::jthread worker([&] {
    while (const auto name = queue.take()) {
      if (const auto map = maps.store().get(*name)) std::cout << name->str() << " has " << map->keys << " keys" << std::endl;
      else std::cout << name->str() << " is gone" << std::endl;
      queue.done(*name);
    }
  });
  std::jthread informer([&](std::stop_token stop) { maps.run(stop); });
  int caught = 0;
  sigwait(&signals, &caught);
  queue.shut_down();
}
