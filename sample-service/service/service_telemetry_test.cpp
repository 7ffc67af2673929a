// What a courier as a whole tells of itself.
#include <future>
#include <latch>
#include <map>
#include <mutex>
#include <sstream>

#include "sample-service/api/routes.h"
#include "sample-service/domain/endpoint.h"
#include "sample-service/service/service_for_test.h"
#include "sample-service/store/open.h"

namespace courier::testing {
namespace {

TEST_F(CourierService, TheTraceReachesTheReceiver) {
  std::promise<std::string> delivered;
  RawServer sink([&](RawConnection& peer, int number) {
    std::string head = peer.read_head();
    if (number == 0) delivered.set_value(std::move(head));
    peer.write("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
  });
  settings.endpoints.default_endpoint = sink.url() + "/";
  start();
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  ASSERT_EQ(
      ask("POST", "/v1/messages", R"({"payload":1})", {{"Idempotency-Key", "a"}, {"traceparent", "00-" + trace + "-00f067aa0ba902b7-01"}})
          .status,
      202);
  const std::string head = delivered.get_future().get();
  EXPECT_NE(head.find("traceparent:00-" + trace + "-"), std::string::npos) << head;
}

TEST_F(CourierService, EachMessageIsOneTraceFromTheEdgeThroughTheRowToTheReceiver) {
  constexpr int kMessages = 40;
  std::mutex mutex;
  std::vector<json> spans;
  const auto read_body = [](RawConnection& peer, const std::string& head) {
    return peer.read_exactly(std::stoul("0" + header_of(head, "Content-Length")));
  };
  RawServer collector([&](RawConnection& peer, int) {
    for (;;) {
      const std::string head = peer.read_head();
      if (head.empty()) return;
      const json body = json::parse(read_body(peer, head));
      {
        const std::lock_guard lock(mutex);
        EXPECT_TRUE(head.starts_with("POST /v1/traces HTTP/1.1\r\n")) << head;
        for (const auto& span : body["resourceSpans"][0]["scopeSpans"][0]["spans"]) spans.push_back(span);
      }
      peer.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    }
  });
  std::latch delivered(kMessages);
  std::map<std::string, std::string> receivers;  // webhook-id -> traceparent
  RawServer sink([&](RawConnection& peer, int) {
    const std::string head = peer.read_head();
    if (head.empty()) return;
    read_body(peer, head);
    {
      const std::lock_guard lock(mutex);
      receivers[header_of(head, "webhook-id")] = header_of(head, "traceparent");
    }
    peer.write("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    delivered.count_down();
  });
  const std::string database = ::testing::TempDir() + "courier-traces-" + std::to_string(::getpid()) + ".db";
  settings.database = database;
  settings.endpoints.default_endpoint = sink.url() + "/";
  settings.collector = collector.url();
  settings.edge.trace_ratio = 1;
  settings.edge.deadline.standard = Duration(10'000);  // however busy the machine is
  start();
  std::vector<std::string> ids;
  for (int i = 0; i < kMessages; ++i) {
    const std::string location = post(R"({"payload":1})", std::to_string(i)).headers.at("Location");
    ids.push_back(location.substr(location.rfind('/') + 1));
  }
  delivered.wait();
  service->drain();
  service.reset();

  const auto store = open_store({.database = database});
  ASSERT_TRUE(store) << store.error().message;
  const std::lock_guard lock(mutex);
  const auto attribute = [](const json& span, const std::string& key) {
    for (const auto& one : span["attributes"]) {
      if (one["key"] == key) return one["value"].value("stringValue", "");
    }
    return std::string();
  };
  for (const std::string& id : ids) {
    const auto row = sluice::http::parse_traceparent((*store)->lookup(std::string(kDefaultTenant), id)->message.traceparent);
    ASSERT_TRUE(row) << id;
    EXPECT_TRUE(row->sampled);
    std::map<std::string, json> of_message;
    for (const json& span : spans) {
      if (span["traceId"] == row->trace_id) of_message[span["name"]] = span;
    }
    ASSERT_EQ(of_message.size(), 4U) << json(of_message);
    const json& edge = of_message["POST /v1/messages"];
    EXPECT_EQ(edge["spanId"], row->span_id) << "the row carries the edge's span";
    EXPECT_FALSE(edge.contains("parentSpanId"));
    for (const char* child : {"store intake", "queue wait", "deliver"}) EXPECT_EQ(of_message[child]["parentSpanId"], row->span_id) << child;
    EXPECT_EQ(attribute(of_message["deliver"], "courier.message_id"), id);
    const auto receiver = sluice::http::parse_traceparent(receivers[id]);
    ASSERT_TRUE(receiver) << receivers[id];
    EXPECT_EQ(receiver->trace_id, row->trace_id);
    EXPECT_EQ(of_message["deliver"]["spanId"], receiver->span_id) << "the receiver's parent is the attempt";
    EXPECT_TRUE(receiver->sampled);
  }
  ::unlink(database.c_str());
}

TEST_F(CourierService, WhoAsksForOpenMetricsFindsTheTraceBehindABucket) {
  settings.collector = "http://127.0.0.1:1";
  settings.edge.trace_ratio = 0;
  start();
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  ask("GET", "/version", "", {{"traceparent", "00-" + trace + "-00f067aa0ba902b7-01"}});
  get("/");
  const Response answer = send(*admin, "GET", "/metrics", "", {{"Accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}});
  EXPECT_TRUE(answer.headers.at("Content-Type").starts_with("application/openmetrics-text")) << answer.headers.at("Content-Type");
  EXPECT_TRUE(answer.body.ends_with("\n# EOF\n"));
  const auto at = answer.body.find(" # {trace_id=\"" + trace + "\"} ");
  ASSERT_NE(at, std::string::npos) << answer.body;
  const auto line = answer.body.rfind('\n', at) + 1;
  EXPECT_TRUE(
      answer.body.substr(line).starts_with("http_request_duration_seconds_bucket{method=\"GET\",route=\"/version\",status=\"200\""));
  EXPECT_EQ(answer.body.find(" # {", at + 1), std::string::npos) << "of what is recorded alone";
  EXPECT_EQ(send(*admin, "GET", "/metrics").body.find(trace), std::string::npos);
}

TEST_F(CourierService, WithoutACollectorNothingIsTracedAndTheClientsWordIsPassedOn) {
  std::promise<std::string> delivered;
  RawServer sink([&](RawConnection& peer, int number) {
    std::string head = peer.read_head();
    if (number == 0) delivered.set_value(header_of(head, "traceparent"));
    peer.write("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
  });
  settings.endpoints.default_endpoint = sink.url() + "/";
  settings.edge.trace_ratio = 1;
  start();
  post(R"({"payload":1})", "a");
  EXPECT_TRUE(delivered.get_future().get().ends_with("-00"));
  EXPECT_EQ(send(*admin, "GET", "/metrics").body.find("trace_spans"), std::string::npos);
}

TEST_F(CourierService, ACollectorThatIsAwayChangesNothingForClients) {
  settings.endpoints.default_endpoint = "http://127.0.0.1:1/";
  settings.collector = "http://127.0.0.1:1";
  settings.edge.trace_ratio = 1;
  settings.worker.threads = 0;
  start();
  for (int i = 0; i < 2'600; ++i) ASSERT_EQ(get("/").status, 200);
  const std::string text = send(*admin, "GET", "/metrics").body;
  EXPECT_NE(text.find("\ntrace_spans_exported_total 0\n"), std::string::npos);
  const std::string line = "\ntrace_spans_dropped_total{reason=\"queue_full\"} ";
  const auto at = text.find(line);
  ASSERT_NE(at, std::string::npos) << text;
  EXPECT_GT(std::stod(text.substr(at + line.size())), 0);
  service->drain();
}

TEST_F(CourierService, MetricsCarryTheAgreedNamesAndNoRawPaths) {
  start();
  get("/");
  get("/v1/messages/some-id");
  get("/wp-admin.php");
  send(*client, "BREW", "/");
  const std::string text = send(*admin, "GET", "/metrics").body;
  for (const char* line :
       {"http_request_duration_seconds_count{method=\"GET\",route=\"/\",status=\"200\"} 1\n",
        "http_request_duration_seconds_bucket{method=\"GET\",route=\"/\",status=\"200\",le=\"0.25\"} 1\n",
        "http_request_duration_seconds_count{method=\"GET\",route=\"/v1/messages/{id}\",status=\"404\"} 1\n",
        "http_request_duration_seconds_count{method=\"GET\",route=\"unmatched\",status=\"404\"} 1\n",
        "http_request_duration_seconds_count{method=\"_OTHER\",route=\"/\",status=\"405\"} 1\n", "http_requests_in_flight 0\n",
        "fault_injection_active 0\n", "build_info{mode=\"embedded\",revision=\"unknown\",version=\"v7\"} 1\n", "queue_depth 0\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
  EXPECT_EQ(text.find("wp-admin"), std::string::npos);
  EXPECT_EQ(text.find("some-id"), std::string::npos);
}

TEST_F(CourierService, WhatAlertsLookAtIsThereBeforeItHappens) {
  settings.threads = 2;
  start();
  std::string text;
  do text = send(*admin, "GET", "/metrics").body;
  while (text.find("\nqueue_depth ") == std::string::npos);
  for (const char* line :
       {"job_dead_total 0\n", "db_slow_queries_total{query=\"intake_message\"} 0\n", "db_slow_queries_total{query=\"end_loan\"} 0\n",
        "event_loop_lag_seconds{loop=\"0\"} ", "event_loop_lag_seconds{loop=\"1\"} ", "event_loop_lag_seconds{loop=\"admin\"} ",
        "queue_oldest_age_seconds 0\n", "outbox_oldest_age_seconds 0\n"}) {
    EXPECT_NE(text.find("\n" + std::string(line)), std::string::npos) << line << text;
  }
}

TEST_F(CourierService, AfterAllRoutesItHasFewerThanTwoThousandSeries) {
  settings.endpoints.default_endpoint = "http://127.0.0.1:1/";
  settings.endpoints.allowed = {"http://hooks.example"};
  settings.edge.auth_required = true;
  settings.admin_key = std::string(32, 'a');
  start();
  const auto token_for = [&](const std::string& key) {
    return json::parse(ask("POST", "/v1/tokens", "", {{"Authorization", "Bearer " + key}}).body)["access_token"].get<std::string>();
  };
  const std::string admin_token = token_for(settings.admin_key);
  const sluice::http::Headers as_admin{{"Authorization", "Bearer " + admin_token}};
  const auto key = json::parse(ask("POST", "/v1/tenants/default/keys", "", as_admin).body);
  const std::string token = token_for(key["key"]);
  sluice::http::Headers good{{"Authorization", "Bearer " + token}, {"Idempotency-Key", "k"}, {"If-Match", "*"}};
  const std::string message = ask("POST", "/v1/messages", R"({"payload":1})", good).headers.at("Location");
  const std::string endpoint = ask("POST", "/v1/endpoints", R"({"url":"http://hooks.example/"})", good).headers.at("Location");
  ask("POST", "/v1/tenants", R"({"id":"acme"})", as_admin);
  for (const Route& route : routes()) {
    std::string path(route.pattern);
    const auto fill = [&](const std::string& what, const std::string& with) {
      if (const auto at = path.find(what); at != std::string::npos) path.replace(at, what.size(), with);
    };
    fill("/v1/messages/{id}", message);
    fill("/v1/endpoints/{id}", endpoint);
    fill("{tenant}", "default");
    fill("{key}", "none");
    if (route.method == "DELETE") path += "x";  // the endpoint is needed
    const std::string method(route.method);
    const std::string body = method == "PATCH" ? R"({"state":"paused"})" : method == "GET" ? "" : "{";
    ask(method, path, body, route.scope == "tenants:write" ? as_admin : good);
    ask(method, path, "", {});                                                                       // 401
    ask(method, (path == "/" ? "" : path) + "/none", "", good);                                      // 404, of no route
    ask("PUT", path, "", good);                                                                      // 405
    ask(method, path, body, {{"Authorization", "Bearer " + token}, {"X-Request-Timeout-Ms", "x"}});  // 400
    if (method == "GET") ask("HEAD", path, "", good);
  }
  const std::string text = send(*admin, "GET", "/metrics").body;
  long lines = 0;
  long of_database = 0;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (line.starts_with('#')) continue;
    ++lines;
    if (line.find("dependency=\"database\"") != std::string::npos) ++of_database;
  }
  for (const Route& route : routes()) {
    EXPECT_NE(text.find("route=\"" + std::string(route.pattern) + "\""), std::string::npos) << route.pattern;
  }
  // An outage of the database gives each of its operations a second outcome.
  RecordProperty("lines", static_cast<int>(lines));
  EXPECT_LT(lines + of_database, 2'000);
}

}  // namespace
}  // namespace courier::testing
