// Samples to verdicts: which window of samples is wanted next, what a tick says, and what silence means.
#include <algorithm>

#include "controller/engine/look.h"
#include "controller/engine/pass.h"
#include "controller/engine/share.h"
#include "controller/judge/judge.h"

namespace sluice::engine {

namespace {

judge::TrialPlan trial_plan(const model::Rollout& rollout) {
  const model::Analysis& a = rollout.analysis;
  judge::TrialPlan plan;
  plan.alpha = a.false_rollback;
  plan.beta = a.false_promotion;
  plan.margin = a.margin;
  plan.burn = a.burn;
  plan.max_ticks = static_cast<int>(std::max<long long>(1, a.max_duration / a.interval));
  plan.min_requests = a.min_requests;
  for (const model::Slo& slo : a.slos) {
    judge::SloPlan entry;
    entry.name = slo.name;
    entry.kind = slo.kind == model::Slo::Kind::Latency ? judge::SloPlan::Kind::Latency : judge::SloPlan::Kind::ErrorRate;
    entry.relative = slo.relative;
    entry.absolute = slo.absolute;
    entry.objective = slo.objective;
    if (slo.kind == model::Slo::Kind::Latency) entry.limit_text = format_duration(slo.threshold);
    plan.slos.push_back(std::move(entry));
  }
  return plan;
}

void show(Run& run, const judge::Verdict& verdict) {
  run.slos.clear();
  for (const judge::SloVerdict& slo : verdict.slos) {
    model::SloStatus status;
    status.name = slo.name;
    status.verdict = judge::name(slo.state);
    status.canary = slo.canary;
    status.baseline = slo.baseline;
    status.limit = slo.limit;
    status.estimate = slo.estimate.value_or(0);
    status.evidence = slo.evidence;
    status.canary_requests = slo.canary_requests;
    status.baseline_requests = slo.baseline_requests;
    status.message = slo.message;
    run.slos.push_back(std::move(status));
  }
}

// Samples are on the server one scrape after the tick's end; until the spacing is known the interval stands for it.
Duration grace(const Run& run, const model::Analysis& analysis) {
  return run.spacing > Duration(0) ? std::min(run.spacing, analysis.interval) : std::min(analysis.interval, Duration(15'000));
}

void no_data(Pass& pass, const Sample& sample) {
  Run& run = pass.run();
  const auto& analysis = pass.rollout().analysis;
  run.tick_tried = sample.to;
  run.missing = sample.missing.substr(0, 512);
  // A short silence is no news: Prometheus finds a new pod within seconds, and its series begin with its first request.
  constexpr Duration kNoNews{10'000};
  if (!run.no_data_since) {
    run.no_data_since = pass.now;
  } else if (!run.no_data_told && pass.now >= *run.no_data_since + kNoNews) {
    run.no_data_told = true;
    pass.event("NoData", "the weight is held: " + run.missing, true);
  }
  if (analysis.on_no_data == model::OnNoData::Rollback && pass.now >= *run.no_data_since + analysis.no_data_timeout)
    retreat(pass, Outcome::RolledBack, "NoData",
            "no data for " + format_duration(pass.now - *run.no_data_since) + " (onNoData: Rollback): " + run.missing);
}

void absorb(Pass& pass, const Sample& sample, bool proof_step) {
  Run& run = pass.run();
  const judge::TrialPlan plan = trial_plan(pass.rollout());
  auto trial = run.judge.empty() ? judge::begin(plan) : judge::from_json(plan, run.judge);
  if (!trial) {
    if (run.judge.empty()) {
      pass.phase(Phase::Holding, "InvalidSpec");
      return pass.say("the analysis cannot be judged: " + trial.error().message, "correct spec.analysis");
    }
    // A state of another version is never misread: the run starts again with an empty one.
    return retreat(pass, Outcome::Restarted, "RunRestarted", "the judge's state cannot be continued: " + trial.error().message);
  }
  std::vector<judge::SloTick> ticks = sample.slos;
  for (std::size_t i = 0; i < ticks.size() && i < trial->slos.size(); ++i)
    if (!sample.missing.empty()) ticks[i].present = false;
    else ticks[i].bridges = trial->slos[i].silent;
  if (ticks.size() != plan.slos.size()) ticks.assign(plan.slos.size(), judge::SloTick{{}, {}, false, 0});
  const auto after = judge::advance(plan, *trial, ticks);
  if (!after) {
    Sample refused = sample;
    refused.missing = "the samples make no sense: " + after.error().message;
    return no_data(pass, refused);
  }
  run.judge = judge::to_json(*after);
  const judge::Verdict verdict = judge::verdict(plan, *after);
  show(run, verdict);
  if (!sample.missing.empty()) return no_data(pass, sample);

  if (run.no_data_since) {
    if (run.no_data_told) pass.event("MetricsRecovered", "data again after " + format_duration(pass.now - *run.no_data_since));
    run.no_data_told = false;
    run.no_data_since.reset();
    run.missing.clear();
  }
  run.tick_from = sample.to;
  run.tick_tried.reset();
  if (sample.spacing > Duration(0)) run.spacing = sample.spacing;
  run.judged += sample.to - sample.from;
  if (proof_step) {
    run.baked += sample.to - sample.from;
    run.baked_ticks += 1;
  }
  watch_share(pass, sample);
  if (verdict.state == judge::Verdict::State::Fail)
    retreat(pass, Outcome::RolledBack, "SLOBreached", verdict.sentence + (run.share_mismatch.empty() ? "" : " But " + run.share_mismatch));
}

// The window that is wanted next: whole intervals from where judging stands, the longest that is complete.
void ask(Pass& pass) {
  Run& run = pass.run();
  const auto& analysis = pass.rollout().analysis;
  const Duration interval = std::max(analysis.interval, std::min(run.spacing, Duration(60'000)));
  const Duration late = grace(run, analysis);
  const Time from = *run.tick_from;
  const Time first = (run.tick_tried && *run.tick_tried > from ? *run.tick_tried : from) + interval;
  Time to = first;
  if (pass.now - late > first) to = first + ((pass.now - late - first) / interval) * interval;
  const model::ReplicaSet* canary = find_set(pass.w, run.canary);
  SampleWish wish{run.revision, from, to, to + late, run.canary, run.stable, {}};
  if (canary != nullptr) {
    for (const model::Pod* pod : pods_of(pass.w, *canary))
      wish.warm_after[pod->meta.name] = pod->started.value_or(pass.now) + analysis.warmup;
  }
  if (wish.not_before > pass.now) pass.look_again(wish.not_before);
  pass.sample(std::move(wish));
}

}  // namespace

void judge(Pass& pass) {
  Run& run = pass.run();
  const auto& steps = pass.rollout().steps;
  if (pass.rollout().analysis.slos.empty() || !run.step_started || run.weight_observed == 0 || run.step < 1 ||
      run.step > static_cast<int>(steps.size()))
    return;
  if (!run.tick_from) {
    run.tick_from = *run.step_started;
    // Requests that waited to be paired must not be paired across the change of weight.
    if (!run.judge.empty()) {
      const auto plan = trial_plan(pass.rollout());
      if (const auto trial = judge::from_json(plan, run.judge)) run.judge = judge::to_json(judge::at_new_weight(*trial));
    }
  }
  const bool last_below_full = steps[static_cast<std::size_t>(run.step) - 1].weight < 100 &&
                               (run.step == static_cast<int>(steps.size()) || steps[static_cast<std::size_t>(run.step)].weight == 100);
  const auto& sample = pass.w.sample;
  if (sample && sample->revision == run.revision && sample->from == *run.tick_from && sample->to > sample->from &&
      (!run.tick_tried || sample->to > *run.tick_tried))
    absorb(pass, *sample, last_below_full);
  if (!pass.retreated()) ask(pass);
}

}  // namespace sluice::engine
