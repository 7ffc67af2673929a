#include "controller/judge/sample_ratio_json.h"

#include "controller/judge/state_rows.h"

namespace sluice::judge {
namespace {

using nlohmann::json;

// To be raised with any change of the rows below or of what their numbers mean.
constexpr int kVersion = 1;

template <typename S, typename F>
void split_row(S& s, F&& f) {
  rows::spread_row(s.spread, f);
  rows::each_of(f, s.ratio.up, s.ratio.down, s.weight, s.all, s.canary);
}

bool sane(const SampleRatio& s) {
  return rows::finite({s.above.log_e, s.below.log_e}) && rows::sane(s.spread) && s.ratio.up >= 0 && s.ratio.down >= 0 && s.weight >= 0 &&
         s.weight < 1 && s.canary >= 0 && s.canary <= s.all;
}

Unexpected corrupt(const char* part) {
  return fail(Error::Kind::Corrupt, std::string("state of the sample-ratio check: ") + part + " cannot be read: begin anew");
}

}  // namespace

std::string to_json(const SampleRatio& state) {
  return json{{"version", kVersion},
              {"above", rows::row_of([&](auto&& f) { rows::harm_row(state.above, f); })},
              {"below", rows::row_of([&](auto&& f) { rows::harm_row(state.below, f); })},
              {"split", rows::row_of([&](auto&& f) { split_row(state, f); })},
              {"mismatch", state.mismatch}}
      .dump();
}

Expected<SampleRatio> sample_ratio_from_json(std::string_view text) {
  const json root = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!root.is_object()) return corrupt("its JSON");
  const auto field = [&](const char* key) { return root.contains(key) ? root[key] : json(); };
  if (!field("version").is_number_integer()) return corrupt("version");
  if (root["version"] != kVersion)
    return fail(Error::Kind::Invalid, "state of the sample-ratio check: version " + root["version"].dump() + ", this program reads " +
                                          std::to_string(kVersion) + ": begin anew");
  SampleRatio state;
  if (!rows::read_row(field("above"), [&](auto&& f) { rows::harm_row(state.above, f); })) return corrupt("above");
  if (!rows::read_row(field("below"), [&](auto&& f) { rows::harm_row(state.below, f); })) return corrupt("below");
  if (!rows::read_row(field("split"), [&](auto&& f) { split_row(state, f); })) return corrupt("split");
  if (!field("mismatch").is_boolean()) return corrupt("mismatch");
  state.mismatch = root["mismatch"];
  if (!sane(state)) return corrupt("what its numbers mean");
  return state;
}

}  // namespace sluice::judge
