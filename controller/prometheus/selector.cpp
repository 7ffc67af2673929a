#include "controller/prometheus/selector.h"

#include <algorithm>
#include <optional>

namespace sluice::prometheus {
namespace {

constexpr std::size_t kMaxLength = 4096;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

void append_utf8(std::string& out, unsigned long code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

// A recursive-descent parser; every method leaves `at_` behind what it read, or an error with its position.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Expected<Selector> selector() {
    if (auto ok = check_length(); !ok) return Unexpected(ok.error());
    Selector selector;
    skip_space();
    if (at_end()) return error("the selector is empty", "write a metric such as http_requests_total{status=~\"5..\"}");
    if (peek() == '{') return error("the metric's name is missing", "write it before the braces, such as http_requests_total{...}");
    if (!is_letter(peek()) && peek() != ':') return error("a metric's name cannot begin with " + quoted(peek()), only_selectors());
    const std::size_t begin = at_;
    while (!at_end() && (is_letter(peek()) || is_digit(peek()) || peek() == ':')) ++at_;
    selector.metric = text_.substr(begin, at_ - begin);
    skip_space();
    if (!at_end() && peek() == '{') {
      ++at_;
      auto matchers = list('}');
      if (!matchers) return Unexpected(matchers.error());
      selector.matchers = *std::move(matchers);
      ++at_;  // the brace
      skip_space();
    }
    if (!at_end()) return trailing();
    return selector;
  }

  Expected<std::vector<Matcher>> matchers() {
    if (auto ok = check_length(); !ok) return Unexpected(ok.error());
    return list('\0');
  }

 private:
  Expected<void> check_length() const {
    if (text_.size() <= kMaxLength) return {};
    return fail(Error::Kind::Invalid,
                "a selector of " + std::to_string(text_.size()) + " characters: at most " + std::to_string(kMaxLength) + " are accepted");
  }

  // Matchers up to `closing` (or the end of the text for '\0'), which is not consumed.
  Expected<std::vector<Matcher>> list(char closing) {
    std::vector<Matcher> matchers;
    const auto done = [&] { return at_end() || (closing != '\0' && peek() == closing); };
    skip_space();
    while (!done()) {
      auto matcher = one();
      if (!matcher) return Unexpected(matcher.error());
      matchers.push_back(*std::move(matcher));
      skip_space();
      if (done()) break;
      if (peek() != ',') return error("after a matcher comes a comma, not " + quoted(peek()), "write label=\"value\", label2=\"value2\"");
      ++at_;
      skip_space();
    }
    if (closing != '\0' && at_end()) return error("the closing brace is missing", "end the selector with }");
    return matchers;
  }

  Expected<Matcher> one() {
    Matcher matcher;
    if (peek() == '"' || peek() == '\'') return error("quoted label or metric names are not supported", "write the name without quotes");
    if (!is_letter(peek())) return error("a label's name cannot begin with " + quoted(peek()), "write label=\"value\"");
    const std::size_t begin = at_;
    while (!at_end() && (is_letter(peek()) || is_digit(peek()))) ++at_;
    matcher.label = text_.substr(begin, at_ - begin);
    if (matcher.label == "__name__") {
      at_ = begin;
      return error("the metric's name cannot be matched as a label", "write the name before the braces");
    }
    skip_space();
    const std::string_view rest = text_.substr(at_);
    if (rest.starts_with("=~")) matcher.op = Matcher::Op::Match;
    else if (rest.starts_with("!~")) matcher.op = Matcher::Op::NotMatch;
    else if (rest.starts_with("!=")) matcher.op = Matcher::Op::NotEqual;
    else if (rest.starts_with("=")) matcher.op = Matcher::Op::Equal;
    else return error("label " + matcher.label + " has no =, !=, =~ or !~", "write " + matcher.label + "=\"value\"");
    at_ += rest[0] == '=' && matcher.op == Matcher::Op::Equal ? 1 : 2;
    skip_space();
    auto value = string();
    if (!value) return Unexpected(value.error());
    matcher.value = *std::move(value);
    return matcher;
  }

  Expected<std::string> string() {
    if (at_end() || (peek() != '"' && peek() != '\'' && peek() != '`'))
      return error("a matcher's value must be quoted", "write label=\"value\"");
    const std::size_t begin = at_;
    const char quote = text_[at_++];
    std::string value;
    while (true) {
      if (at_end() || (quote != '`' && peek() == '\n')) {
        at_ = begin;
        return error("a quoted value does not end", "close it with " + std::string(1, quote));
      }
      const char c = text_[at_++];
      if (c == quote) return value;
      if (c != '\\' || quote == '`') {
        value += c;
        continue;
      }
      --at_;
      if (auto ok = escape(value); !ok) return Unexpected(ok.error());
    }
  }

  // One escape sequence, as in Go: \n \t ... \xHH \OOO \uHHHH \UHHHHHHHH.
  Expected<void> escape(std::string& out) {
    const std::size_t begin = at_++;
    const char c = at_end() ? '\0' : text_[at_++];
    constexpr std::string_view kNames = "abfnrtv\\\"'";
    constexpr std::string_view kBytes = "\a\b\f\n\r\t\v\\\"'";
    if (const auto found = kNames.find(c); c != '\0' && found != std::string_view::npos) {
      out += kBytes[found];
      return {};
    }
    int digits = 0, base = 16;
    if (c == 'x') digits = 2;
    if (c == 'u') digits = 4;
    if (c == 'U') digits = 8;
    if (c >= '0' && c <= '7') {
      digits = 3;
      base = 8;
      --at_;
    }
    const auto code = digits > 0 ? number(digits, base) : std::nullopt;
    if (!code || (base == 8 && *code > 255) || *code > 0x10FFFF || (digits >= 4 && *code >= 0xD800 && *code < 0xE000)) {
      at_ = begin;
      return error("unknown escape in a quoted value", "write a backslash as \\\\; in a regular expression \\d becomes \\\\d");
    }
    if (digits <= 3) out += static_cast<char>(*code);
    else append_utf8(out, *code);
    return {};
  }

  std::optional<unsigned long> number(int digits, int base) {
    unsigned long code = 0;
    for (int i = 0; i < digits; ++i) {
      if (at_end()) return std::nullopt;
      const char c = text_[at_++];
      const int digit = is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
      if (digit >= base) return std::nullopt;
      code = code * static_cast<unsigned long>(base) + static_cast<unsigned long>(digit);
    }
    return code;
  }

  Unexpected trailing() {
    const std::string_view rest = text_.substr(at_);
    const auto word = [&](std::string_view w) {
      return rest.starts_with(w) && (rest.size() == w.size() || !(is_letter(rest[w.size()]) || is_digit(rest[w.size()])));
    };
    if (peek() == '[')
      return error("a range such as [5m] is not allowed", "remove it: raw samples are read and the window is chosen for each tick");
    if (peek() == '(') return error("functions and aggregations are not allowed", only_selectors());
    if (peek() == '@' || word("offset"))
      return error("offset and @ are not allowed", "remove them: both arms are read over the same window");
    if (peek() == '#') return error("comments are not allowed", "remove the comment");
    return error(quoted(peek()) + " is not part of a selector", only_selectors());
  }

  static std::string only_selectors() {
    return "give a plain counter such as http_requests_total{status=~\"5..\"}, and put expressions into a recording rule";
  }
  static std::string quoted(char c) { return std::string("'") + c + "'"; }

  Unexpected error(const std::string& what, const std::string& cure) const {
    std::string shown(text_.substr(0, 200));
    if (shown.size() < text_.size()) shown += "...";
    return fail(Error::Kind::Invalid, "selector `" + shown + "`, position " + std::to_string(at_ + 1) + ": " + what + ": " + cure);
  }

  bool at_end() const { return at_ >= text_.size(); }
  char peek() const { return text_[at_]; }
  void skip_space() {
    while (!at_end() && (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r')) ++at_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::string_view symbol(Matcher::Op op) {
  switch (op) {
    case Matcher::Op::Equal: return "=";
    case Matcher::Op::NotEqual: return "!=";
    case Matcher::Op::Match: return "=~";
    case Matcher::Op::NotMatch: return "!~";
  }
  return "=";
}

std::string quote(std::string_view value) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7F) {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

Expected<std::string> value_of(std::string_view placeholder, const Matcher& matcher, const Placeholders& values) {
  const auto plain = [&](const std::string& text) { return matcher.is_regex() ? regex_escape(text) : text; };
  if (placeholder == "namespace") return plain(values.ns);
  if (placeholder != "replicaSet")
    return fail(Error::Kind::Invalid, "matcher " + to_string(matcher) + ": unknown placeholder {{" + std::string(placeholder) +
                                          "}}: use {{namespace}} or {{replicaSet}}");
  if (values.replica_sets.size() == 1) return plain(values.replica_sets.front());
  if (values.replica_sets.empty() || !matcher.is_regex())
    return fail(Error::Kind::Invalid, "matcher " + to_string(matcher) + ": {{replicaSet}} stands for " +
                                          std::to_string(values.replica_sets.size()) +
                                          " ReplicaSets here: use a regular-expression matcher (=~)");
  std::string all = "(?:";
  for (const std::string& name : values.replica_sets) all += (all.size() > 3 ? "|" : "") + regex_escape(name);
  return all + ")";
}

}  // namespace

Expected<Selector> parse_selector(std::string_view text) { return Parser(text).selector(); }
Expected<std::vector<Matcher>> parse_matchers(std::string_view text) { return Parser(text).matchers(); }

std::string to_string(const Matcher& matcher) { return matcher.label + std::string(symbol(matcher.op)) + quote(matcher.value); }

std::string to_string(const Selector& selector) {
  std::string text = selector.metric;
  if (selector.matchers.empty()) return text;
  char before = '{';
  for (const Matcher& matcher : selector.matchers) {
    text += before + to_string(matcher);
    before = ',';
  }
  return text + "}";
}

Expected<std::vector<Matcher>> fill_in(std::vector<Matcher> matchers, const Placeholders& values) {
  for (Matcher& matcher : matchers) {
    std::string filled;
    std::size_t from = 0;
    while (true) {
      const std::size_t open = matcher.value.find("{{", from);
      const std::size_t close = open == std::string::npos ? open : matcher.value.find("}}", open);
      filled += matcher.value.substr(from, close == std::string::npos ? close : open - from);
      if (close == std::string::npos) break;
      auto value = value_of(std::string_view(matcher.value).substr(open + 2, close - open - 2), matcher, values);
      if (!value) return Unexpected(value.error());
      filled += *value;
      from = close + 2;
    }
    matcher.value = std::move(filled);
  }
  return matchers;
}

Selector confined(Selector selector, const std::vector<Matcher>& more, const std::string& ns) {
  const auto add = [&](const Matcher& matcher) {
    if (std::find(selector.matchers.begin(), selector.matchers.end(), matcher) == selector.matchers.end())
      selector.matchers.push_back(matcher);
  };
  for (const Matcher& matcher : more) add(matcher);
  add({"namespace", Matcher::Op::Equal, ns});
  return selector;
}

std::string regex_escape(std::string_view text) {
  constexpr std::string_view kSpecial = "\\.+*?()|[]{}^$";
  std::string out;
  for (const char c : text) {
    if (kSpecial.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace sluice::prometheus
