// SqlStore: what became of messages.
#include "sample-service/store/paging.h"
#include "sample-service/store/sql_store.h"

namespace courier {
namespace {

using sluice::Error;
using sluice::fail;

const Statement kMessage{"message",
                         "SELECT id, tenant, topic, payload, traceparent, lane, received FROM messages WHERE id = $1 AND tenant = $2"};
const Statement kDeliveries{
    "deliveries",
    "SELECT d.message, d.endpoint, d.tenant, CASE WHEN d.endpoint = '' THEN d.url ELSE COALESCE(e.url, '') END, d.state, "
    "d.attempts, d.run_after, d.last_error FROM deliveries d LEFT JOIN endpoints e ON e.id = d.endpoint "
    "WHERE d.message = $1 ORDER BY d.endpoint"};
const Statement kMessages{"messages",
                          "SELECT id, tenant, topic, payload, traceparent, lane, received FROM messages "
                          "WHERE tenant = $1 AND id < $2 ORDER BY id DESC LIMIT $3"};
const Statement kDead{
    "dead_letters",
    "SELECT d.message, d.endpoint, d.tenant, CASE WHEN d.endpoint = '' THEN d.url ELSE COALESCE(e.url, '') END, d.state, "
    "d.attempts, d.run_after, d.last_error FROM deliveries d LEFT JOIN endpoints e ON e.id = d.endpoint "
    "WHERE d.state = 2 AND d.tenant = $1 AND (d.message, d.endpoint) < ($2, $3) ORDER BY d.message DESC, d.endpoint DESC LIMIT $4"};

Message message_of(const Row& row) {
  return {row.text(0), row.text(1), row.text(2), row.text(3), row.text(4), static_cast<Lane>(row.number(5)), from_sql(row.number(6))};
}

Delivery delivery_of(const Row& row) {
  return {row.text(0),
          row.text(1),
          row.text(2),
          row.text(3),
          static_cast<State>(row.number(4)),
          static_cast<int>(row.number(5)),
          from_sql(row.number(6)),
          row.text(7)};
}

}  // namespace

Expected<MessageStatus> SqlStore::lookup(const std::string& tenant, const std::string& id) {
  return on_session("lookup", Repeat::Yes, [&](Session& session) -> Expected<MessageStatus> {
    const auto message = session.run(kMessage, {id, tenant});
    if (!message) return tl::make_unexpected(message.error());
    if (message->rows.empty()) return fail(Error::Kind::NotFound, "there is no message '" + id + "'");
    const auto deliveries = session.run(kDeliveries, {id});
    if (!deliveries) return tl::make_unexpected(deliveries.error());
    MessageStatus status{message_of(message->rows.front()), {}};
    for (const Row& row : deliveries->rows) status.deliveries.push_back(delivery_of(row));
    return status;
  });
}

Expected<Slice<Message>> SqlStore::messages(const std::string& tenant, const Page& page) {
  return on_session("messages", Repeat::Yes, [&](Session& session) -> Expected<Slice<Message>> {
    const auto found = session.run(kMessages, {tenant, page.after.empty() ? std::string(kAfterAll) : page.after, rows_to_read(page)});
    if (!found) return tl::make_unexpected(found.error());
    return slice<Message>(*found, page, message_of, [](const Message& last) { return last.id; });
  });
}

Expected<Slice<Delivery>> SqlStore::dead_letters(const std::string& tenant, const Page& page) {
  std::string message(kAfterAll);
  std::string endpoint;
  if (!page.after.empty()) {
    const auto dot = page.after.find('.');
    if (dot == std::string::npos)
      return fail(Error::Kind::Invalid, "cursor: '" + page.after + "' is none of this list; take it from its last page");
    message = page.after.substr(0, dot);
    endpoint = page.after.substr(dot + 1);
  }
  return on_session("dead_letters", Repeat::Yes, [&](Session& session) -> Expected<Slice<Delivery>> {
    const auto found = session.run(kDead, {tenant, message, endpoint, rows_to_read(page)});
    if (!found) return tl::make_unexpected(found.error());
    return slice<Delivery>(*found, page, delivery_of, [](const Delivery& last) { return last.message + "." + last.endpoint; });
  });
}

}  // namespace courier
