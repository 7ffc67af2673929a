#include "controller/judge_tool/tool.h"

#include <CLI/CLI.hpp>
#include <ostream>

#include "controller/judge_tool/commands.h"
#include "controller/judge_tool/printable.h"
#include "controller/judge_tool/slo_option.h"

namespace sluice::judge_tool {
namespace {

void add_limits(CLI::App& app, LimitFlags& flags) {
  app.add_option("--slo", flags.slos, kSloOptionHelp)->type_name("SLO");
  app.add_option("--false-rollback", flags.false_rollback, "Chance that an acceptable canary is ever rolled back")
      ->type_name("PERCENT")
      ->capture_default_str();
  app.add_option("--false-promotion", flags.false_promotion, "Chance that a canary outside the margin is promoted")
      ->type_name("PERCENT")
      ->capture_default_str();
  app.add_option("--margin", flags.margin, "Share of the error budget that promotion proves the canary within")
      ->type_name("PERCENT")
      ->capture_default_str();
  app.add_option("--burn", flags.burn, "How many times too fast an objective's budget may burn")->type_name("TIMES")->capture_default_str();
  app.add_option("--min-requests", flags.min_requests, "Canary requests before a promotion")->type_name("N")->capture_default_str();
  app.add_option("--min-ticks", flags.min_ticks, "Ticks before a promotion")
      ->type_name("N")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
}

void describe(CLI::App& app, ReplayFlags& flags) {
  app.footer(
      "Lines in order of time; the tick's own counts, not running totals; lines of one\n"
      "time are one tick:\n"
      "  {\"time\":1795435215,\"arm\":\"canary\",\"slo\":\"errors\",\"requests\":75,\"bad\":1}\n"
      "  {\"time\":1795435215,\"arm\":\"baseline\",\"slo\":\"errors\",\"requests\":675,\"bad\":1}\n"
      "or with \"buckets\":{\"0.1\":600,\"0.25\":671,\"+Inf\":675} instead of \"bad\".\n"
      "null is no data; time may be RFC 3339.\n"
      "\n"
      "Examples:\n"
      "  sluice-judge replay ticks.jsonl\n"
      "  sluice-judge replay --slo errors:objective=99.9% \\\n"
      "      --slo latency:threshold=250ms --changes ticks.jsonl\n"
      "  some-exporter | sluice-judge replay --json\n"
      "  # How often would it have cried wolf on my service?\n"
      "  sluice-judge replay --from-prometheus http://localhost:9090 \\\n"
      "      --selector 'namespace=\"shop\",pod=~\"web-.*\"' \\\n"
      "      --start 2026-11-20T00:00:00Z --end 2026-11-21T00:00:00Z --calibrate\n"
      "  # Would it have caught last week's bad release?\n"
      "  sluice-judge replay --from-prometheus http://localhost:9090 \\\n"
      "      --selector 'namespace=\"shop\",pod=~\"web-6f4b-.*\"' \\\n"
      "      --canary-selector 'namespace=\"shop\",pod=~\"web-7c9d-.*\"' \\\n"
      "      --start 2026-11-20T09:00:00Z --end 2026-11-20T10:00:00Z --changes");
  app.add_option("file", flags.file, "Recorded ticks, one JSON object per line; - is standard input")
      ->type_name("FILE")
      ->capture_default_str();
  app.add_flag("--json", flags.json, "One JSON object per tick (a single one for baseline against baseline)");
  app.add_flag("--changes", flags.changes, "Print only the ticks at which the verdict changes, and the last");
  app.add_option("--max-ticks", flags.max_ticks, "Length of a trial that the test is tuned for")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  add_limits(app, flags.limits);
  const auto option = [&](const char* name, auto& value, const char* help) {
    return app.add_option(name, value, help)->group("From Prometheus");
  };
  option("--from-prometheus", flags.prometheus, "Replay real history of this Prometheus")->type_name("URL");
  option("--selector", flags.selector, "Matchers of the service's pods; without --canary-selector they are played against each other")
      ->type_name("MATCHERS");
  option("--canary-selector", flags.canary_selector, "Matchers of the pods that were the canary; --selector is the baseline then")
      ->type_name("MATCHERS");
  option("--start", flags.start, "Begin of the stretch, RFC 3339")->type_name("TIME");
  option("--end", flags.end, "End of the stretch")->type_name("TIME");
  option("--tick", flags.tick, "Length of a tick (default: the scrape interval, at least 15s)")->type_name("DURATION");
  option("--total", flags.total, "Counter of all requests (default: as in a Rollout)")->type_name("SELECTOR");
  option("--errors", flags.errors, "Counter of the bad ones, a part of --total (default: as in a Rollout)")->type_name("SELECTOR");
  option("--histogram", flags.histogram, "Latency histogram of SLOs with a threshold (default: as in a Rollout)")->type_name("SELECTOR");
  option("--pod-label", flags.pod_label, "Label that tells pods apart")->type_name("LABEL")->capture_default_str();
  option("--window", flags.window, "Length of a replayed trial, baseline against baseline")->type_name("DURATION")->capture_default_str();
  option("--canary-pods", flags.canary_pods, "Pods counted as the canary; 0: a tenth of them")
      ->type_name("N")
      ->check(CLI::Range(0, 10'000))
      ->capture_default_str();
  option("--draws", flags.draws, "Draws of such pods per window")->type_name("N")->check(CLI::Range(1, 1'000))->capture_default_str();
  option("--seed", flags.seed, "Of the draws")->type_name("N")->capture_default_str();
  app.add_flag("--calibrate", flags.calibrate, "Learn by what evidence must be divided so that no window alarms (19 windows or more)")
      ->group("From Prometheus");
  option("--token-file", flags.token_file, "File with a bearer token")->type_name("FILE");
}

void describe(CLI::App& app, PlanFlags& flags) {
  app.footer(
      "Examples:\n"
      "  sluice-judge plan --rps 50\n"
      "  sluice-judge plan --rps 5 --weight 10% --ratio 2,5,20 --max-duration 2h\n"
      "  sluice-judge plan --rps 500 --base 1% --svg outlook.svg \\\n"
      "      --slo latency:threshold=250ms,relative=20%\n"
      "  sluice-judge plan --rps 50 --slo latency:slowdown=5% --ratio 1.2,2 \\\n"
      "      --buckets '{\"0.1\":600,\"0.25\":671,\"0.5\":674,\"+Inf\":675}'");
  app.add_option("--rps", flags.rate, "Requests per second of both arms together")->type_name("N")->required();
  app.add_option("--base", flags.base, "Share of bad requests in the baseline; not of a slowdown")
      ->type_name("PERCENT")
      ->capture_default_str();
  app.add_option("--buckets", flags.buckets,
                 "For a slowdown: requests of the baseline that took at most so many seconds, of any stretch of its past, as a line of "
                 "replay has them")
      ->type_name("JSON");
  app.add_option("--weight", flags.weights, "Canary's share of the traffic; repeatable or 5%,10%")
      ->type_name("PERCENT")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--ratio", flags.ratios, "How many times as bad, for a slowdown how many times as slow; repeatable or 2,5")
      ->type_name("TIMES")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--max-duration", flags.max_duration, "Longest run that is acceptable")->type_name("DURATION")->capture_default_str();
  app.add_option("--tick", flags.tick, "Length of a tick")->type_name("DURATION")->capture_default_str();
  app.add_option("--phi", flags.phi, "What `replay --calibrate` found that evidence is divided by (default: not calibrated)")
      ->type_name("TIMES");
  add_limits(app, flags.limits);
  app.add_option("--svg", flags.svg, "Write a plot to this file")->type_name("FILE");
  app.add_flag("--json", flags.json, "Print JSON instead of a table");
}

// CLI11 breaks no lines.
void fit(CLI::App& app, std::size_t width) {
  constexpr std::size_t kColumn = 30;
  const auto broken = [&](const std::string& text, std::size_t columns) {
    std::string lines = wrapped(text, columns, 0);
    lines.pop_back();
    return lines;
  };
  app.get_formatter()->column_width(kColumn);
  for (CLI::Option* option : app.get_options())
    if (!option->get_description().empty()) option->description(broken(option->get_description(), width - kColumn - 1));
  app.description(broken(app.get_description(), width - 1));
}

}  // namespace

int run(int argc, const char* const* argv, const World& world) {
  CLI::App app(
      "How the canary judge decides, for people who want to know before they trust: on recorded ticks, on the history of your own "
      "service, or before a release. Needs no cluster. docs/judge.md explains the words.",
      "sluice-judge");
  app.require_subcommand(1);
  app.set_version_flag("--version", SLUICE_VERSION);
  app.footer("Examples:\n  sluice-judge replay ticks.jsonl\n  sluice-judge plan --rps 50 --base 0.1%\nEach command has its own --help.");
  ReplayFlags replay_flags;
  PlanFlags plan_flags;
  CLI::App* replay_command = app.add_subcommand("replay", "Judge recorded ticks, or the history in a Prometheus");
  CLI::App* plan_command = app.add_subcommand("plan", "How long until a regression is proven, and is it possible at all?");
  describe(*replay_command, replay_flags);
  describe(*plan_command, plan_flags);
  for (CLI::App* each : {&app, replay_command, plan_command}) fit(*each, world.width);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) { return app.exit(error, world.out, world.err) == 0 ? 0 : 2; }
  const auto done = replay_command->parsed() ? replay(replay_flags, world) : plan(plan_flags, world);
  world.out.flush();
  if (done) return 0;
  world.err << wrapped("sluice-judge: " + done.error().message, world.width, 0);
  return 1;
}

}  // namespace sluice::judge_tool
