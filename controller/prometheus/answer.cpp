// The answer of /api/v1/query, read as a stream of JSON events: a DOM of 32 MB of samples would take 300 MB.
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "controller/prometheus/client.h"

namespace sluice::prometheus {
namespace {

using nlohmann::json;

class Reader : public nlohmann::json_sax<json> {
 public:
  explicit Reader(const Limits& limits) : limits_(limits) {}

  bool null() override { return scalar(); }
  bool boolean(bool) override { return scalar(); }
  bool number_integer(json::number_integer_t value) override { return number(static_cast<double>(value)); }
  bool number_unsigned(json::number_unsigned_t value) override { return number(static_cast<double>(value)); }
  bool number_float(json::number_float_t value, const std::string&) override { return number(value); }
  bool binary(json::binary_t&) override { return refuse("binary data"); }

  bool string(std::string& value) override {
    switch (where()) {
      case Where::Root:
        if (key_ == "status") status_ = value;
        if (key_ == "error") error_ = value;
        if (key_ == "errorType") error_type_ = value;
        return true;
      case Where::Data:
        if (key_ == "resultType") result_type_ = value;
        return true;
      case Where::Metric:
        if (key_ != "__name__") answer_.series.back().labels[key_] = value;
        return true;
      case Where::Warnings:
        if (answer_.warnings.size() < 10) answer_.warnings.push_back(value.substr(0, 500));
        return true;
      case Where::Pair: return pair_value(value);
      case Where::Result: return scalar_value(value);
      case Where::Native: return key_ != "count" || number_in(value, answer_.series.back().histograms.back().count);
      case Where::Bucket: return bucket_value(value);
      default: return true;
    }
  }

  bool start_object(std::size_t) override {
    if (stack_.empty()) return push(Where::Root);
    if (where() == Where::Root && key_ == "data") return push(Where::Data);
    if (where() == Where::Result) {
      if (answer_.series.size() >= limits_.series)
        return refuse("more than " + std::to_string(limits_.series) + " series: narrow the selector");
      answer_.series.emplace_back();
      return push(Where::Series);
    }
    if (where() == Where::Series && key_ == "metric") return push(Where::Metric);
    if (where() == Where::NativePair) {
      if (!pair_at_) return refuse("a histogram without a time");
      if (!count_sample()) return false;
      answer_.series.back().histograms.push_back({*pair_at_, std::nan(""), {}});
      return push(Where::Native);
    }
    return push(Where::Other);
  }
  bool start_array(std::size_t) override {
    if (stack_.empty()) return refuse("not an object");
    if (where() == Where::Root && key_ == "warnings") return push(Where::Warnings);
    if (where() == Where::Data && key_ == "result") {
      has_result_ = true;
      return push(Where::Result);
    }
    if (where() == Where::Series && key_ == "values") return push(Where::Values);
    if (where() == Where::Series && (key_ == "histogram" || key_ == "histograms")) {
      answer_.native_histograms = true;
      pair_at_.reset();
      return push(key_ == "histogram" ? Where::NativePair : Where::Natives);
    }
    if (where() == Where::Natives) {
      pair_at_.reset();
      return push(Where::NativePair);
    }
    if (where() == Where::Native && key_ == "buckets") return push(Where::Buckets);
    if (where() == Where::Buckets) {
      if (!count_sample()) return false;
      bucket_values_ = 0;
      answer_.series.back().histograms.back().buckets.emplace_back();
      return push(Where::Bucket);
    }
    if ((where() == Where::Series && key_ == "value") || where() == Where::Values) {
      pair_at_.reset();
      pair_value_.reset();
      return push(Where::Pair);
    }
    return push(Where::Other);
  }
  bool key(std::string& value) override {
    key_ = value;
    return true;
  }
  bool end_object() override { return pop(); }
  bool end_array() override {
    if (where() == Where::Pair) {
      if (!pair_at_ || !pair_value_) return refuse("a sample without time or value");
      if (!count_sample()) return false;
      answer_.series.back().points.push_back({*pair_at_, *pair_value_});
    }
    if (where() == Where::Bucket && bucket_values_ != 3) return refuse("a bucket that is not [rule, left, right, count]");
    return pop();
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    return refuse("not JSON at byte " + std::to_string(position));
  }

  Expected<Answer> result(bool parsed) && {
    if (!parsed) return fail(Error::Kind::Corrupt, "answer of Prometheus: " + (refusal_.empty() ? "not JSON" : refusal_));
    if (status_ == "error") {
      const bool refused = error_type_ == "bad_data" || error_type_ == "execution";
      return fail(refused ? Error::Kind::Invalid : Error::Kind::Unavailable,
                  "Prometheus says " + error_type_ + ": " + error_.substr(0, 1000));
    }
    if (status_ == "success" && result_type_ == "scalar" && pair_at_ && pair_value_) {
      answer_.series.assign(1, Series{{}, {{*pair_at_, *pair_value_}}, {}});
      return std::move(answer_);
    }
    if (status_ != "success")
      return fail(Error::Kind::Corrupt, "answer of Prometheus: status is \"" + status_.substr(0, 50) + "\", not success");
    if (!has_result_ || (result_type_ != "matrix" && result_type_ != "vector"))
      return fail(Error::Kind::Corrupt,
                  "answer of Prometheus: result type \"" + result_type_.substr(0, 50) + "\", not matrix, vector or scalar");
    return std::move(answer_);
  }

 private:
  enum class Where { Root, Data, Result, Series, Metric, Values, Pair, Natives, NativePair, Native, Buckets, Bucket, Warnings, Other };

  // Other after the end of everything: nlohmann stops there by itself.
  Where where() const { return stack_.empty() ? Where::Other : stack_.back(); }
  bool push(Where next) {
    if (stack_.size() >= 32) return refuse("nested too deeply");
    stack_.push_back(next);
    return true;
  }
  bool pop() {
    stack_.pop_back();
    return true;
  }
  bool refuse(std::string why) {
    if (refusal_.empty()) refusal_ = std::move(why);
    return false;
  }
  bool scalar() {
    if (stack_.empty()) return refuse("not an object");
    return where() != Where::Pair || refuse("a sample that is no number");
  }
  bool number(double value) {
    if (stack_.empty()) return refuse("not an object");
    if (where() != Where::Pair && where() != Where::NativePair && where() != Where::Result) return true;
    if (pair_at_ || !(std::abs(value) < 1e11)) return refuse("a sample with a wrong time");
    pair_at_ = from_unix_seconds(value);
    return true;
  }
  bool count_sample() {
    return ++points_ <= limits_.points || refuse("more than " + std::to_string(limits_.points) + " samples: narrow the selector");
  }
  bool number_in(const std::string& text, double& value) {
    char* end = nullptr;
    value = std::strtod(text.c_str(), &end);  // takes "NaN", "+Inf" and "-Inf" too
    return (!text.empty() && *end == '\0') || refuse("a sample value that is no number");
  }
  bool pair_value(const std::string& text) {
    double value = 0;
    if (!number_in(text, value)) return false;
    pair_value_ = value;
    return true;
  }
  // A scalar's result is the pair itself.
  bool scalar_value(const std::string& text) { return !pair_at_ || pair_value(text); }
  bool bucket_value(const std::string& text) {
    NativeBucket& bucket = answer_.series.back().histograms.back().buckets.back();
    if (++bucket_values_ > 3) return refuse("a bucket that is not [rule, left, right, count]");
    return number_in(text, bucket_values_ == 1 ? bucket.left : bucket_values_ == 2 ? bucket.right : bucket.count);
  }

  Limits limits_;
  Answer answer_;
  std::vector<Where> stack_;
  std::string key_, status_, error_, error_type_, result_type_, refusal_;
  std::optional<Time> pair_at_;
  std::optional<double> pair_value_;
  std::size_t points_ = 0;
  int bucket_values_ = 0;  // of left, right and count
  bool has_result_ = false;
};

}  // namespace

Expected<Answer> parse_answer(std::string_view body, const Limits& limits) {
  if (body.size() > limits.bytes)
    return fail(Error::Kind::Corrupt, "answer of Prometheus: " + std::to_string(body.size()) + " bytes, at most " +
                                          std::to_string(limits.bytes) + " are read: narrow the selector");
  Reader reader(limits);
  const bool parsed = json::sax_parse(body, &reader);
  return std::move(reader).result(parsed);
}

}  // namespace sluice::prometheus
