#include "tests/drills/load/nodes.h"

#include <utility>

#include "tests/wire/answer_reader.h"

namespace courier::drills {

class Nodes::Connection final : private Stream::User {
 public:
  Connection(Nodes& nodes, Port to, wire::Descriptor socket) : port(to), stream(nodes.loop_, std::move(socket), *this), nodes_(nodes) {}

  const Port port;
  Stream stream;
  Done done{};  // while it is busy
  std::multimap<Time, Connection*>::iterator limit{};
  std::list<std::shared_ptr<Connection>>::iterator place{};

 private:
  void arrived() override {
    const auto head = wire::read_answer(stream.text());
    if (!head) return nodes_.over(*this, {.why = "connection lost: no HTTP"}, false);
    if (!*head) return;
    const std::string_view whole = std::string_view(stream.text()).substr(0, (*head)->bytes);
    nodes_.over(*this, {.status = (*head)->status, .body = whole.substr(whole.size() - (*head)->body_bytes)}, !(*head)->closes);
  }
  void ended(int error) override { nodes_.over(*this, {.why = words_of(error)}, false); }

  Nodes& nodes_;
};

Nodes::Nodes(Loop& loop) : loop_(loop) {}
Nodes::~Nodes() = default;

void Nodes::remove(Port node) {
  rotation_.remove(node);
  const std::vector<Connection*> idle = std::exchange(idle_[node], {});
  for (Connection* connection : idle) drop(*connection);
}

void Nodes::ask(Port node, const std::string& request, Time until, Done done) {
  std::vector<Connection*>& idle = idle_[node];
  Connection* connection = nullptr;
  if (!idle.empty()) {
    connection = idle.back();
    idle.pop_back();
  } else {
    auto socket = connect_to(node);
    if (!socket) return done({.why = socket.error().message});
    connection = connections_.emplace_back(std::make_shared<Connection>(*this, node, std::move(*socket))).get();
    connection->place = std::prev(connections_.end());
  }
  connection->done = std::move(done);
  connection->limit = waiting_.emplace(until, connection);
  connection->stream.send(request);
}

void Nodes::work(Time now) {
  while (!waiting_.empty() && waiting_.begin()->first <= now) over(*waiting_.begin()->second, {.why = "time out"}, false);
}

std::optional<Time> Nodes::due() const { return waiting_.empty() ? std::nullopt : std::optional(waiting_.begin()->first); }

// With an answer that does not end the connection it is kept; with any other its answer must not be taken for the next one's.
void Nodes::over(Connection& connection, const Answer& answer, bool keep) {
  const Done done = std::exchange(connection.done, nullptr);
  if (!done) {  // the node ended an idle connection, or answers what nobody asked
    std::erase(idle_[connection.port], &connection);
    return drop(connection);
  }
  waiting_.erase(connection.limit);
  done(answer);  // may ask again: this connection is not idle yet
  if (!keep || !rotation_.has(connection.port)) return drop(connection);
  connection.stream.text().clear();
  idle_[connection.port].push_back(&connection);
}

void Nodes::drop(Connection& connection) {
  connection.stream.close();
  loop_.bury(*connection.place);
  connections_.erase(connection.place);
}

}  // namespace courier::drills
