#include "tests/bench/courier/beast_server.h"

#include <utility>  // asio 1.74 uses std::exchange in its coroutines without including it

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

namespace courier::bench {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using boost::system::error_code;

asio::awaitable<void> answer_all(tcp::socket socket, const std::string& body) {
  error_code error;
  socket.set_option(tcp::no_delay(true), error);
  beast::tcp_stream stream(std::move(socket));
  beast::flat_buffer buffer;
  while (true) {
    beast::http::request<beast::http::string_body> request;
    co_await beast::http::async_read(stream, buffer, request, asio::redirect_error(asio::use_awaitable, error));
    if (error) break;
    beast::http::response<beast::http::string_body> response(beast::http::status::ok, request.version());
    response.set(beast::http::field::content_type, "application/json");
    response.keep_alive(request.keep_alive());
    response.body() = body;
    response.prepare_payload();
    co_await beast::http::async_write(stream, response, asio::redirect_error(asio::use_awaitable, error));
    if (error) break;
  }
}

asio::awaitable<void> accept_all(tcp::acceptor& acceptor, const std::string& body) {
  error_code error;
  while (!error) {
    tcp::socket socket(acceptor.get_executor());
    co_await acceptor.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
    if (!error) asio::co_spawn(acceptor.get_executor(), answer_all(std::move(socket), body), asio::detached);
  }
}

}  // namespace

sluice::Expected<void> serve_beast(std::uint16_t port, const std::string& body) {
  asio::io_context context{1};
  try {
    tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), port});
    asio::co_spawn(context, accept_all(acceptor, body), asio::detached);
    context.run();
  } catch (const boost::system::system_error& e) {
    return sluice::fail(sluice::Error::Kind::Unavailable, "cannot listen on port " + std::to_string(port) + ": " + e.what());
  }
  return {};
}

}  // namespace courier::bench
