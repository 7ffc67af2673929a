// courier-bench: load on one port of loopback, and what courier is measured beside. hack/bench courier runs it.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>

#include "common/http/server.h"
#include "tests/bench/courier/beast_server.h"
#include "tests/bench/courier/commits.h"
#include "tests/bench/courier/report.h"
#include "tests/bench/courier/sink.h"

namespace {

using namespace courier::bench;
using sluice::Expected;
using sluice::http::IncomingRequest;
using sluice::http::ReplyPtr;
using sluice::http::Response;

int failed(const sluice::Error& error) {
  std::fprintf(stderr, "courier-bench: %s\n", to_string(error).c_str());
  return 1;
}

template <typename Result>
int print(const Expected<Result>& result) {
  if (!result) return failed(result.error());
  std::printf("%s\n", to_json(*result).dump().c_str());
  return 0;
}

// Until a signal ends the process.
int serve_engine(std::uint16_t port, const std::function<Response(const IncomingRequest&)>& answer) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const auto server = sluice::http::serve({.address = "127.0.0.1", .port = port},
                                          [&answer](const IncomingRequest& in, ReplyPtr reply) { reply->send(answer(in)); });
  if (!server) return failed(server.error());
  int signal = 0;
  sigwait(&signals, &signal);
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  CLI::App app("Load on courier, and what courier is measured beside. Everything is on loopback and has an end. See hack/bench courier.");
  app.require_subcommand(1);
  std::uint16_t port = 0;
  int status = 0;

  LoadPlan plan;
  std::vector<std::string> phases;
  auto* load = app.add_subcommand("load", "Puts load on a port; what came of it goes to standard output as JSON");
  load->add_option("--port", port)->required();
  load->add_option("--phase", phases, "RATE:SECONDS (open loop; latency counts from the intended time) or closed:SECONDS; several in turn")
      ->required();
  load->add_option("--connections", plan.connections, "kept alive, 1 to 5000")->check(CLI::Range(1, 5000))->capture_default_str();
  load->add_option("--idle", plan.idle, "connections beside them that do nothing after one answer")->check(CLI::Range(0, 20000));
  load->add_option("--requests", plan.most, "at most so many in all");
  load->add_option("--method", plan.request.method)->capture_default_str();
  load->add_option("--target", plan.request.target)->capture_default_str();
  load->add_option("--header", plan.request.headers, "'Name: value'; {n} becomes the request's number here and in the body");
  load->add_option("--body", plan.request.body);
  load->callback([&] {
    plan.port = port;
    for (const std::string& text : phases) {
      const auto phase = parse_phase(text);
      if (!phase) throw CLI::ValidationError("--phase", phase.error().message);
      plan.phases.push_back(*phase);
    }
    status = print(put_load(plan));
  });

  std::string body;
  auto* engine = app.add_subcommand("engine", "Serves the same answer to everything: common/http and nothing else");
  auto* beast = app.add_subcommand("beast", "The same with the least of Boost.Beast");
  for (auto* server : {engine, beast}) {
    server->add_option("--port", port)->required();
    server->add_option("--body", body)->required();
  }
  engine->callback([&] {
    status = serve_engine(port, [&body](const IncomingRequest&) { return Response{200, {{"Content-Type", "application/json"}}, body}; });
  });
  beast->callback([&] {
    if (const auto ended = serve_beast(port, body); !ended) status = failed(ended.error());
  });

  auto* sink = app.add_subcommand("sink", "Receives deliveries and counts effects by webhook-id; GET says how many");
  sink->add_option("--port", port)->required();
  sink->callback([&] {
    Sink seen;
    status = serve_engine(port, [&seen](const IncomingRequest& in) { return seen.answer(in); });
  });

  CommitPlan commits;
  double seconds = 3;
  auto* commit = app.add_subcommand("commits", "Stores one transaction after the other, as fast as the database commits, without HTTP");
  const std::map<std::string, Transaction> transactions{{"row", Transaction::Row}, {"intake", Transaction::Intake}};
  commit->add_option("what", commits.what, "'row': one row of a table; 'intake': what POST /v1/messages stores")
      ->required()
      ->transform(CLI::CheckedTransformer(transactions));
  commit->add_option("--database", commits.database, "an SQLite file or postgres://...")->required();
  commit->add_option("--connections", commits.connections)->check(CLI::Range(1, 64))->capture_default_str();
  commit->add_option("--seconds", seconds)->check(CLI::Range(0.1, 600.0))->capture_default_str();
  commit->add_option("--bytes", commits.bytes, "of a row")->capture_default_str();
  commit->callback([&] {
    commits.length = Nanoseconds(static_cast<Nanoseconds::rep>(seconds * 1e9));
    status = print(commit_for(commits));
  });

  CLI11_PARSE(app, count, arguments);
  return status;
}
