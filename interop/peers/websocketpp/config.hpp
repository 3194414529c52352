// The library's settings, with permessage-deflate and its parameters chosen on the command line.

#pragma once

#include <string>

#include <websocketpp/config/asio.hpp>
#include <websocketpp/config/asio_client.hpp>
#include <websocketpp/extensions/permessage_deflate/enabled.hpp>

enum class Compression { none, shared, dedicated, narrow };

// Each connection makes its own extension, and nothing can be handed to that.
inline Compression& compression() {
    static Compression chosen = Compression::none;
    return chosen;
}

// Takes the place of the library's extension, whose offer is one fixed text and whose settings cannot
// be reached from outside.
template <typename Config>
class Deflate : public websocketpp::extensions::permessage_deflate::enabled<Config> {
public:
    Deflate() {
        namespace mode = websocketpp::extensions::permessage_deflate::mode;
        if (compression() == Compression::shared) {
            this->enable_server_no_context_takeover();
            this->enable_client_no_context_takeover();
        } else {
            this->set_server_max_window_bits(bits(), mode::largest);
            this->set_client_max_window_bits(bits(), mode::largest);
        }
    }

    bool is_implemented() const {
        return compression() != Compression::none;
    }

    std::string generate_offer() const {
        if (compression() == Compression::shared) {
            return "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        }
        std::string const limit = "max_window_bits=" + std::to_string(bits());
        return "permessage-deflate; server_" + limit + "; client_" + limit;
    }

private:
    static int bits() {
        return compression() == Compression::narrow ? 9 : 12;
    }
};

template <typename Base>
struct WithDeflate : Base {
    typedef Deflate<typename Base::permessage_deflate_config> permessage_deflate_type;
};

// As a server the library often waits for the end of TLS when it has come already, and tells of a
// close only when this time is over.
struct TlsServer : WithDeflate<websocketpp::config::asio_tls> {
    struct transport_config : websocketpp::config::asio_tls::transport_config {
        static long const timeout_socket_shutdown = 300;
    };
    typedef websocketpp::transport::asio::endpoint<transport_config> transport_type;
};

typedef WithDeflate<websocketpp::config::asio> PlainServer;
typedef WithDeflate<websocketpp::config::asio_client> PlainClient;
typedef WithDeflate<websocketpp::config::asio_tls_client> TlsClient;

// Standard output is for reports, and a busy machine must not fail a session.
template <typename Endpoint>
void prepare(Endpoint& endpoint) {
    long const minute = 60 * 1000;
    endpoint.clear_access_channels(websocketpp::log::alevel::all);
    endpoint.clear_error_channels(websocketpp::log::elevel::all);
    endpoint.init_asio();
    endpoint.set_open_handshake_timeout(minute);
    endpoint.set_close_handshake_timeout(minute);
}
