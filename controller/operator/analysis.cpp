#include "controller/operator/analysis.h"

#include <utility>

namespace sluice::op {

prometheus::SampleRequest request_for(const model::Rollout& spec, const engine::SampleWish& wish) {
  prometheus::SampleRequest request;
  request.ns = spec.meta.ns;
  request.arm_selector = spec.analysis.selector;
  request.canary.replica_sets = {wish.canary};
  request.canary.pods.warm_until = wish.warm_after;
  request.baseline.replica_sets = {wish.stable};
  for (const model::Slo& slo : spec.analysis.slos) {
    if (slo.kind == model::Slo::Kind::Latency) request.slos.push_back({slo.name, prometheus::LatencyQuery{slo.histogram, slo.threshold}});
    else request.slos.push_back({slo.name, prometheus::ErrorRateQuery{slo.total, slo.errors}});
  }
  request.from = wish.from;
  request.to = wish.to;
  if (spec.status.run) request.spacing = spec.status.run->spacing;
  return request;
}

PrometheusAnalysis::PrometheusAnalysis(std::string address, std::set<std::string> allowed, Make make, Ready ready, const Clock& clock,
                                       std::size_t threads)
    : address_(std::move(address)),
      allowed_(std::move(allowed)),
      make_(std::move(make)),
      clock_(clock),
      ready_(std::move(ready)),
      queue_(clock, [] { return 0.5; }) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this](std::stop_token stop) { run(stop); });
}

PrometheusAnalysis::~PrometheusAnalysis() {
  for (auto& thread : threads_) thread.request_stop();
  queue_.shut_down();
  threads_.clear();
}

void PrometheusAnalysis::want(const kube::Name& rollout, const model::Rollout& spec, const engine::SampleWish& wish) {
  {
    std::lock_guard lock(mutex_);
    Job job{spec.analysis.address.empty() ? address_ : spec.analysis.address, request_for(spec, wish), wish.revision};
    if (!jobs_.try_emplace(rollout, std::move(job)).second) return;
    samples_.erase(rollout);
  }
  queue_.add(rollout);
}

std::optional<engine::Sample> PrometheusAnalysis::look(const kube::Name& rollout) const {
  std::lock_guard lock(mutex_);
  const auto found = samples_.find(rollout);
  return found == samples_.end() ? std::nullopt : std::optional<engine::Sample>(found->second);
}

void PrometheusAnalysis::drop(const kube::Name& rollout) {
  std::lock_guard lock(mutex_);
  samples_.erase(rollout);
}

void PrometheusAnalysis::run(std::stop_token stop) {
  while (const auto rollout = queue_.take(stop)) {
    Job job;
    {
      std::lock_guard lock(mutex_);
      job = jobs_.at(*rollout);
    }
    engine::Sample result = sample(job, stop);
    {
      std::lock_guard lock(mutex_);
      jobs_.erase(*rollout);
      samples_[*rollout] = std::move(result);
    }
    queue_.done(*rollout);
    ready_(*rollout);
  }
}

engine::Sample PrometheusAnalysis::sample(const Job& job, std::stop_token stop) {
  engine::Sample result;
  result.revision = job.revision;
  result.from = job.request.from;
  result.to = job.request.to;
  const auto no_data = [&](const std::string& why) {
    result.missing = why;
    result.slos.assign(job.request.slos.size(), judge::SloTick{{}, {}, false, 0});
    return result;
  };
  const auto asked = sampler(job.address);
  if (!asked) return no_data(asked.error().message);
  const auto sampled = (*asked)->sample(job.request, stop);
  if (!sampled) return no_data("Prometheus at " + job.address + ": " + sampled.error().message);
  result.slos = sampled->slos;
  result.missing = sampled->missing;
  result.spacing = Duration(static_cast<long long>(sampled->observed_spacing * 1000));
  return result;
}

Expected<std::shared_ptr<prometheus::Sampler>> PrometheusAnalysis::sampler(const std::string& address) {
  if (address.empty()) return fail(Error::Kind::Invalid, "no Prometheus: the Rollout names none and the operator has no --prometheus");
  if (address != address_ && !allowed_.count(address))
    return fail(Error::Kind::Forbidden, "Prometheus address " + address + " is not allowed: the operator's --allow-url does not list it");
  std::lock_guard lock(mutex_);
  if (const auto found = samplers_.find(address); found != samplers_.end()) return found->second;
  auto transport = make_({address, {}, ""});
  if (!transport) return Unexpected(transport.error());
  auto made = std::make_shared<prometheus::Sampler>(prometheus::Client(std::move(*transport)), &clock_);
  samplers_[address] = made;
  return made;
}

}  // namespace sluice::op
