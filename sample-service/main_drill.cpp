// courier-drill: courier with the faults that FAULT_PROFILE asks for. For tests of rollouts, never for production.
#include <cstdio>

#include "sample-service/faults/guard.h"
#include "sample-service/faults/injector.h"
#include "sample-service/service/run.h"

int main() {
  const auto environment = courier::process_environment();
  const auto random = courier::system_random();
  const auto profile = courier::parse_fault_profile(environment("FAULT_PROFILE").value_or(""));
  if (!profile) {
    std::fprintf(stderr, "FAULT_PROFILE: %s\n", profile.error().message.c_str());
    return 2;
  }
  const bool exit_on_term = environment("COURIER_EXIT_ON_TERM").value_or("") == "1";
  if (profile->active() || exit_on_term) {
    if (const auto allowed = courier::may_inject({environment}); !allowed) {
      std::fprintf(stderr, "courier-drill: %s\n", allowed.error().message.c_str());
      return 2;
    }
  }
  courier::Injector injector(*profile, random);
  courier::Extras extras;
  extras.active = [&] { return injector.active(); };
  if (profile->never_ready) extras.unready = "never ready, as FAULT_PROFILE asks";
  extras.exit_on_term = exit_on_term;
  extras.wrap = [&](sluice::http::Handler handler) { return injector.wrap(std::move(handler)); };
  return courier::run(environment, std::move(extras), random);
}
