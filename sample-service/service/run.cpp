#include "sample-service/service/run.h"

#include <csignal>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <random>
#include <thread>

#include <unistd.h>

#include "common/http/transport.h"
#include "common/telemetry/log.h"

namespace courier {
namespace {

bool set_up_log(const Environment& environment) {
  const auto level = sluice::log::parse_level(environment("LOG_LEVEL").value_or("info"));
  const auto format = sluice::log::parse_format(environment("LOG_FORMAT").value_or("json"));
  sluice::log::set_up({.format = format.value_or(sluice::log::Format::Json), .level = level.value_or(sluice::log::Level::Info)});
  if (!level) sluice::log::error("LOG_LEVEL cannot be used", {{"error", to_string(level.error())}});
  if (!format) sluice::log::error("LOG_FORMAT cannot be used", {{"error", to_string(format.error())}});
  return level && format;
}

}  // namespace

Random system_random() {
  struct Generator {
    std::mutex mutex;
    std::mt19937_64 engine{(static_cast<std::uint64_t>(std::random_device{}()) << 32) | std::random_device{}()};
  };
  return [generator = std::make_shared<Generator>()] {
    const std::lock_guard lock(generator->mutex);
    return std::uniform_real_distribution<double>(0.0, 1.0)(generator->engine);
  };
}

int run(const Environment& environment, Extras extras, Random random) {
  // Blocked before any thread starts, so that all inherit it and only sigwait below sees them.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  if (!set_up_log(environment)) return 2;
  const auto settings = read_settings(environment);
  if (!settings) {
    sluice::log::error("the configuration cannot be used", {{"error", to_string(settings.error())}});
    return 2;
  }
  const bool exit_on_term = extras.exit_on_term;
  auto service = Service::start(*settings, std::move(extras), std::move(random),
                                [](const std::string& origin) { return sluice::http::make_transport({.url = origin}); });
  if (!service) {
    sluice::log::error("courier cannot start", {{"error", to_string(service.error())}});
    return 1;
  }
  sluice::log::info("courier serves",
                    {{"version", settings->identity.version}, {"port", (*service)->port()}, {"admin_port", (*service)->admin_port()}});

  int signal = 0;
  sigwait(&signals, &signal);
  if (exit_on_term) std::_Exit(0);
  std::jthread drainer([&](const std::stop_token& hurry) {
    (*service)->drain(hurry);
    ::kill(::getpid(), SIGUSR1);  // wakes the wait below
  });
  sigwait(&signals, &signal);
  if (signal != SIGUSR1) {
    sluice::log::warn("ended by a second signal");
    std::_Exit(1);
  }
  drainer.join();
  return 0;
}

}  // namespace courier
