#include "tests/bench/judge/cell.h"

#include <cmath>
#include <cstdio>

#include "tests/bench/judge/bound.h"
#include "tests/bench/judge/sluice_judge.h"

namespace sluice::bench {

namespace {

using Question = Cell::Question;

constexpr std::array kRates{5.0, 50.0, 500.0, 5000.0};
constexpr std::array kBases{0.0001, 0.001, 0.01, 0.05};
constexpr std::array kWeights{0.01, 0.1, 0.5};
constexpr std::array kRatios{1.5, 2.0, 5.0, 20.0};

Cell healthy(Model model, double rps, double base, double weight) {
  Cell cell;
  cell.scenario.model = model;
  cell.scenario.rps = rps;
  cell.scenario.base = base;
  cell.scenario.weight = weight;
  return cell;
}

Cell bad(Model model, double rps, double base, double weight, double ratio, int onset = 0) {
  Cell cell = healthy(model, rps, base, weight);
  cell.question = Question::Detection;
  cell.ratio = ratio;
  cell.scenario.canary = {ratio, 0};
  cell.scenario.onset = onset;
  return cell;
}

Cell marginal(Model model, double rps, double base, double weight) {
  Cell cell = healthy(model, rps, base, weight);
  cell.question = Question::FalsePromotion;
  const judge::TrialPlan plan = plain_plan();
  cell.scenario.canary = judge::health_limit(plan, plan.slos[0]);
  return cell;
}

bool detectable(const Cell& cell) {
  const judge::TrialPlan plan = plain_plan();
  return cell.ratio * cell.scenario.base < 0.95 &&
         bound_ticks(judge::harm_limit(plan.slos[0]), cell.scenario, plan.alpha) <= cell.scenario.ticks;
}

// Where rivals are shown: at 10 % weight, and error shares that their thresholds were made for.
bool shown(double base, double weight) { return weight == 0.1 && (base == 0.001 || base == 0.01); }

std::string number(double value) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%g", value);
  return text.data();
}

}  // namespace

std::string_view name(Question question) {
  switch (question) {
    case Question::FalseRollback: return "false-rollback";
    case Question::Detection: return "detection";
    case Question::FalsePromotion: return "false-promotion";
  }
  return "";
}

std::string Cell::traffic() const {
  return std::string(bench::name(scenario.model)) + "/" + number(scenario.rps) + "rps/" + number(100 * scenario.base) + "%/" +
         number(100 * scenario.weight) + "%";
}

std::string Cell::name() const {
  std::string text = std::string(bench::name(question)) + "/" + traffic();
  if (question == Question::Detection) text += "/x" + number(ratio);
  if (scenario.onset > 0) text += "/from" + number(scenario.onset);
  return text;
}

std::vector<Cell> full_grid() {
  std::vector<Cell> cells;
  for (Model model : kModels)
    for (double rps : kRates)
      for (double base : kBases)
        for (double weight : kWeights) {
          cells.push_back(healthy(model, rps, base, weight));
          cells.back().rivals = shown(base, weight);
        }
  for (Model model : {Model::Independent, Model::CommonOutage})
    for (double rps : kRates)
      for (double base : kBases)
        for (double weight : kWeights)
          for (double ratio : kRatios) {
            Cell cell = bad(model, rps, base, weight, ratio);
            cell.rivals = shown(base, weight);
            if (detectable(cell)) cells.push_back(cell);
          }
  for (Model model : kModels) {
    if (model == Model::Independent || model == Model::CommonOutage) continue;
    for (double rps : {50.0, 500.0})
      for (double base : {0.001, 0.01})
        for (double ratio : {2.0, 5.0, 20.0}) {
          Cell cell = bad(model, rps, base, 0.1, ratio);
          cell.rivals = true;
          if (detectable(cell)) cells.push_back(cell);
        }
  }
  for (double rps : {50.0, 500.0, 5000.0})
    for (double base : {0.001, 0.01})
      for (double ratio : {2.0, 5.0, 20.0}) {
        const Cell cell = bad(Model::Independent, rps, base, 0.1, ratio, 120);
        if (detectable(cell)) cells.push_back(cell);
      }
  for (double rps : kRates)
    for (double base : kBases)
      for (double weight : kWeights) cells.push_back(marginal(Model::Independent, rps, base, weight));
  for (Model model : kModels) {
    if (model == Model::Independent) continue;
    for (double rps : {50.0, 500.0})
      for (double base : {0.001, 0.01}) cells.push_back(marginal(model, rps, base, 0.1));
  }
  return cells;
}

std::vector<Cell> quick_grid() {
  std::vector<Cell> cells;
  // Two of each model, so chosen that every rate, error share and weight occurs; the hard ones once more.
  int turn = 0;
  for (Model model : kModels)
    for (int i = 0; i < 2; ++i, ++turn)
      cells.push_back(healthy(model, kRates[static_cast<std::size_t>(turn * 3 % 4)],
                              kBases[static_cast<std::size_t>((turn + turn / 4) % 4)], kWeights[static_cast<std::size_t>(turn % 3)]));
  cells.push_back(healthy(Model::Bursts, 500, 0.001, 0.1));
  cells.push_back(healthy(Model::Bursts, 50, 0.01, 0.5));
  cells.push_back(healthy(Model::PodNoise, 500, 0.01, 0.1));
  cells.push_back(healthy(Model::PodNoise, 50, 0.05, 0.5));
  cells.push_back(healthy(Model::PodEffects, 500, 0.01, 0.1));
  cells.push_back(healthy(Model::WeightSteps, 500, 0.01, 0.1));
  cells.push_back(bad(Model::Independent, 50, 0.01, 0.1, 5));
  cells.push_back(bad(Model::Independent, 50, 0.01, 0.1, 2));
  cells.push_back(bad(Model::Independent, 500, 0.001, 0.1, 2));
  cells.push_back(bad(Model::Independent, 500, 0.01, 0.01, 2));
  cells.push_back(bad(Model::Independent, 5, 0.01, 0.5, 5));
  cells.push_back(bad(Model::Independent, 500, 0.001, 0.5, 2));
  cells.push_back(bad(Model::CommonOutage, 50, 0.01, 0.1, 5));
  cells.push_back(bad(Model::CommonOutage, 500, 0.001, 0.1, 2));
  cells.push_back(marginal(Model::Independent, 50, 0.001, 0.5));
  cells.push_back(marginal(Model::Independent, 500, 0.001, 0.1));
  cells.push_back(marginal(Model::Independent, 500, 0.01, 0.1));
  cells.push_back(marginal(Model::WeightSteps, 500, 0.01, 0.1));
  return cells;
}

}  // namespace sluice::bench
