#include "sample-service/api/meter.h"

#include <algorithm>
#include <sstream>

#include <gtest/gtest.h>

#include "sample-service/api/routes.h"

namespace courier {
namespace {

// Of all http_request_duration_seconds: how many lines, and how many requests.
struct Said {
  int lines = 0;
  double requests = 0;
  double failed = 0;
};
Said said(const sluice::metrics::Registry& metrics) {
  std::istringstream text(metrics.text());
  Said all;
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with("http_request_duration_seconds")) continue;
    ++all.lines;
    if (!line.starts_with("http_request_duration_seconds_count")) continue;
    const double count = std::stod(line.substr(line.rfind(' ')));
    all.requests += count;
    if (line.find("status=\"5") != std::string::npos) all.failed += count;
  }
  return all;
}

TEST(Meter, WhoeverAsksWhateverTheSeriesStayFewAndNoRequestIsLost) {
  sluice::metrics::Registry metrics;
  Meter meter(metrics);
  int requests = 0;
  int failed = 0;
  for (const int status : {400, 401, 403, 404, 405, 409, 412, 413, 422, 428, 429, 431, 500, 503, 504}) {
    for (const Route& route : routes()) {
      for (const char* method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"}) {
        meter.answered(method, route.pattern, status, 0.01);
        ++requests;
        if (status >= 500) ++failed;
      }
    }
  }
  for (const Route& route : routes()) {
    meter.answered(route.method, route.pattern, 200, 0.01);
    ++requests;
  }
  const Said all = said(metrics);
  EXPECT_LT(all.lines, 1'100);
  EXPECT_NE(metrics.text().find("{method=\"DELETE\",route=\"/v1/endpoints/{id}\",status=\"200\"} 1\n"), std::string::npos)
      << "successes are exact";
  EXPECT_EQ(all.requests, requests);
  EXPECT_EQ(all.failed, failed);
}

TEST(Meter, WhatIsUsualIsExact) {
  sluice::metrics::Registry metrics;
  Meter meter(metrics);
  for (const Route& route : routes()) meter.answered(route.method, route.pattern, 200, 0.01);
  for (const int status : {400, 404, 429, 503}) meter.answered("POST", "/v1/messages", status, 0.01);
  const std::string text = metrics.text();
  EXPECT_EQ(text.find("xx\""), std::string::npos);
  EXPECT_EQ(text.find("_OTHER"), std::string::npos);
  EXPECT_NE(text.find("{method=\"POST\",route=\"/v1/messages\",status=\"503\"}"), std::string::npos);
}

}  // namespace
}  // namespace courier
