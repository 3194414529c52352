// Boost.Beast, asynchronous in one thread.
//
//     g++ -std=c++17 -O2 -DNDEBUG -o beast beast.cpp -pthread

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <memory>

#include "options.hpp"

namespace beast = boost::beast;
namespace websocket = beast::websocket;
using tcp = boost::asio::ip::tcp;

class Session : public std::enable_shared_from_this<Session> {
public:
    Session(tcp::socket&& socket, Deflate deflate) : ws(std::move(socket)) {
        ws.set_option(websocket::stream_base::timeout::suggested(beast::role_type::server));
        // By default a message leaves in frames of 4 KiB.
        ws.auto_fragment(false);
        if (deflate != Deflate::off) {
            websocket::permessage_deflate settings;
            settings.server_enable = true;
            settings.server_no_context_takeover = deflate == Deflate::shared;
            settings.client_no_context_takeover = deflate == Deflate::shared;
            ws.set_option(settings);
        }
    }

    void run() {
        ws.async_accept([self = shared_from_this()](beast::error_code error) {
            if (!error) self->read();
        });
    }

private:
    void read() {
        ws.async_read(buffer, [self = shared_from_this()](beast::error_code error, std::size_t) {
            if (!error) self->write();
        });
    }

    void write() {
        ws.text(ws.got_text());
        ws.async_write(buffer.data(), [self = shared_from_this()](beast::error_code error, std::size_t) {
            if (error) return;
            self->buffer.consume(self->buffer.size());
            self->read();
        });
    }

    websocket::stream<beast::tcp_stream> ws;
    beast::flat_buffer buffer;
};

void accept(tcp::acceptor& acceptor, Deflate deflate) {
    acceptor.async_accept([&acceptor, deflate](beast::error_code error, tcp::socket socket) {
        if (!error) {
            beast::error_code ignored;
            socket.set_option(tcp::no_delay(true), ignored);
            std::make_shared<Session>(std::move(socket), deflate)->run();
        }
        accept(acceptor, deflate);
    });
}

int main(int count, char** arguments) {
    Options const options = parse(count, arguments);
    // One thread, so that asio takes no locks.
    boost::asio::io_context context(1);
    tcp::endpoint const address(boost::asio::ip::address_v4::loopback(), options.port);
    tcp::acceptor acceptor(context, address);
    accept(acceptor, options.deflate);
    ready();
    context.run();
}
