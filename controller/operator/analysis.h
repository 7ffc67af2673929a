// Sampling Prometheus beside the reconciles, so that a slow Prometheus never holds up a decision, let alone other Rollouts.
//
// want() starts at most one sampling per Rollout; when it is through, `ready` is called (from a sampling thread) and the
// sample waits under the Rollout's name until drop(). What went wrong is told in Sample::missing: no data is a value.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "controller/engine/plan.h"
#include "controller/engine/world.h"
#include "controller/kube/work_queue.h"
#include "controller/prometheus/sampler.h"

namespace sluice::op {

class Analysis {
 public:
  virtual ~Analysis() = default;
  virtual void want(const kube::Name& rollout, const model::Rollout& spec, const engine::SampleWish& wish) = 0;
  virtual std::optional<engine::Sample> look(const kube::Name& rollout) const = 0;
  // The sample was judged and the judgement is in the status, or the Rollout is gone.
  virtual void drop(const kube::Name& rollout) = 0;
};

// What to ask Prometheus for a wish. Pure.
prometheus::SampleRequest request_for(const model::Rollout& spec, const engine::SampleWish& wish);

class PrometheusAnalysis final : public Analysis {
 public:
  using Make = std::function<Expected<std::shared_ptr<http::Transport>>(const http::Endpoint&)>;
  using Ready = std::function<void(const kube::Name& rollout)>;

  // `address`: the operator's --prometheus. Only this address and those in `allowed` are asked; a Rollout that names another
  // gets no data, with the reason.
  PrometheusAnalysis(std::string address, std::set<std::string> allowed, Make make, Ready ready, const Clock& clock, std::size_t threads);
  ~PrometheusAnalysis() override;

  void want(const kube::Name& rollout, const model::Rollout& spec, const engine::SampleWish& wish) override;
  std::optional<engine::Sample> look(const kube::Name& rollout) const override;
  void drop(const kube::Name& rollout) override;

 private:
  struct Job {
    std::string address;
    prometheus::SampleRequest request;
    std::int64_t revision = 0;
  };
  void run(std::stop_token stop);
  engine::Sample sample(const Job& job, std::stop_token stop);
  Expected<std::shared_ptr<prometheus::Sampler>> sampler(const std::string& address);

  const std::string address_;
  const std::set<std::string> allowed_;
  const Make make_;
  const Clock& clock_;
  const Ready ready_;
  mutable std::mutex mutex_;
  std::map<kube::Name, Job> jobs_;  // waiting or running
  std::map<kube::Name, engine::Sample> samples_;
  std::map<std::string, std::shared_ptr<prometheus::Sampler>> samplers_;
  kube::WorkQueue<kube::Name> queue_;
  std::vector<std::jthread> threads_;
};

}  // namespace sluice::op
