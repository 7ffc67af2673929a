// Verdicts as people read them and as JSON lines.
#pragma once

#include <string>

#include "common/core/time.h"
#include "controller/judge/verdict.h"

namespace sluice::judge_tool {

// "2026-11-23T12:00:15Z  tick 3  Judging" and the sentence below it, wrapped.
std::string as_text(Time at, const judge::Verdict& verdict, std::size_t width);

// One line: {"time":...,"tick":3,"verdict":"Judging","evidence":0.8,"needed":100,"sentence":"...","slos":[...]}.
std::string as_json(Time at, const judge::Verdict& verdict);

}  // namespace sluice::judge_tool
