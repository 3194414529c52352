// WebSocket++ on asio.
//
//     g++ -std=c++14 -O2 -DNDEBUG -o websocketpp websocketpp.cpp -pthread -lz

#include <websocketpp/config/asio_no_tls.hpp>
#include <websocketpp/concurrency/none.hpp>
#include <websocketpp/extensions/permessage_deflate/enabled.hpp>
#include <websocketpp/server.hpp>

#include "options.hpp"

// The library's settings for asio, without locks, which its documentation has for one thread.
struct OneThread : websocketpp::config::asio {
    typedef OneThread type;
    typedef websocketpp::config::asio base;
    typedef websocketpp::concurrency::none concurrency_type;
    typedef websocketpp::log::basic<concurrency_type, websocketpp::log::alevel> alog_type;
    typedef websocketpp::log::basic<concurrency_type, websocketpp::log::elevel> elog_type;

    struct transport_config : base::transport_config {
        typedef type::concurrency_type concurrency_type;
        typedef type::alog_type alog_type;
        typedef type::elog_type elog_type;
        static bool const enable_multithreading = false;
    };
    typedef websocketpp::transport::asio::endpoint<transport_config> transport_type;
};

// Each connection makes its own extension, and nothing can be handed to that.
Deflate chosen = Deflate::off;

template <typename Config>
struct Extension : websocketpp::extensions::permessage_deflate::enabled<Config> {
    Extension() {
        if (chosen == Deflate::shared) {
            this->enable_server_no_context_takeover();
            this->enable_client_no_context_takeover();
        }
    }
};

struct WithDeflate : OneThread {
    struct permessage_deflate_config {};
    typedef Extension<permessage_deflate_config> permessage_deflate_type;
};

template <typename Config>
int serve(Options const& options) {
    typedef websocketpp::server<Config> Endpoint;
    Endpoint endpoint;
    endpoint.clear_access_channels(websocketpp::log::alevel::all);
    endpoint.clear_error_channels(websocketpp::log::elevel::all);
    endpoint.init_asio();
    endpoint.set_reuse_addr(true);
    endpoint.set_tcp_post_init_handler([&](websocketpp::connection_hdl handle) {
        auto& socket = endpoint.get_con_from_hdl(handle)->get_raw_socket();
        socket.set_option(websocketpp::lib::asio::ip::tcp::no_delay(true));
    });
    endpoint.set_message_handler(
        [&](websocketpp::connection_hdl handle, typename Endpoint::message_ptr message) {
            // A connection that is closing takes no more.
            websocketpp::lib::error_code ignored;
            endpoint.send(handle, message->get_payload(), message->get_opcode(), ignored);
        });
    endpoint.listen("127.0.0.1", std::to_string(options.port));
    endpoint.start_accept();
    ready();
    endpoint.run();
    return 0;
}

int main(int count, char** arguments) {
    Options const options = parse(count, arguments);
    chosen = options.deflate;
    return chosen == Deflate::off ? serve<OneThread>(options) : serve<WithDeflate>(options);
}
