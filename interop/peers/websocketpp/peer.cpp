// A peer made with WebSocket++: an echo server, and the client that talks to one.
//
//     peer server [--tls CERTIFICATE KEY] [--compress MODE]
//     peer client URI [--ca FILE] [--compress MODE] [--subprotocol NAME]...
//
// interop/README.md says what every peer does, and what it prints.
//
//     g++ -std=c++14 -o peer peer.cpp -pthread -lssl -lcrypto -lz

#include <exception>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "client.hpp"
#include "config.hpp"
#include "report.hpp"
#include "server.hpp"

namespace ssl = websocketpp::lib::asio::ssl;

struct Options {
    std::string role, uri, certificate, key, authority;
    std::vector<std::string> subprotocols;
};

Compression parse_compression(std::string const& name) {
    if (name == "none") return Compression::none;
    if (name == "shared") return Compression::shared;
    if (name == "dedicated") return Compression::dedicated;
    if (name == "narrow") return Compression::narrow;
    throw std::runtime_error("no mode of compression: " + name);
}

Options parse(std::vector<std::string> const& arguments) {
    Options options;
    auto next = arguments.begin();
    auto const take = [&] {
        if (next == arguments.end()) throw std::runtime_error("an argument is missing");
        return *next++;
    };
    options.role = take();
    while (next != arguments.end()) {
        std::string const argument = take();
        if (argument == "--tls") {
            options.certificate = take();
            options.key = take();
        } else if (argument == "--ca") {
            options.authority = take();
        } else if (argument == "--compress") {
            compression() = parse_compression(take());
        } else if (argument == "--subprotocol") {
            options.subprotocols.push_back(take());
        } else {
            options.uri = argument;
        }
    }
    return options;
}

void serve(Options const& options) {
    if (options.certificate.empty()) {
        EchoServer<PlainServer>().run("ws");
        return;
    }
    EchoServer<TlsServer> server;
    server.endpoint.set_tls_init_handler([&](websocketpp::connection_hdl) {
        auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
        context->use_certificate_chain_file(options.certificate);
        context->use_private_key_file(options.key, ssl::context::pem);
        return context;
    });
    server.run("wss");
}

void talk(Options const& options) {
    if (options.authority.empty()) {
        Client<PlainClient>().run(options.uri, options.subprotocols);
        return;
    }
    Client<TlsClient> client;
    client.endpoint.set_tls_init_handler([&](websocketpp::connection_hdl) {
        auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
        context->load_verify_file(options.authority);
        context->set_verify_mode(ssl::verify_peer);
        return context;
    });
    client.run(options.uri, options.subprotocols);
}

int main(int count, char** arguments) {
    try {
        Options const options = parse({arguments + 1, arguments + count});
        options.role == "server" ? serve(options) : talk(options);
        return 0;
    } catch (std::exception const& error) {
        std::cerr << error.what() << std::endl;
        return 1;
    }
}
