// The echo server.

#pragma once

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include <websocketpp/server.hpp>

#include "config.hpp"
#include "report.hpp"

template <typename Config>
class EchoServer {
public:
    typedef websocketpp::server<Config> Endpoint;
    typedef websocketpp::connection_hdl Handle;

    Endpoint endpoint;

    EchoServer() {
        prepare(endpoint);
        endpoint.set_validate_handler([this](Handle handle) { return choose_subprotocol(*at(handle)); });
        endpoint.set_open_handler([this](Handle handle) { on_open(*at(handle)); });
        endpoint.set_message_handler([this](Handle handle, Message message) { on_message(handle, *message); });
        endpoint.set_close_handler([this](Handle handle) { on_close(handle); });
    }

    // Serves until standard input ends.
    void run(std::string const& scheme) {
        endpoint.listen("127.0.0.1", "0");
        endpoint.start_accept();
        websocketpp::lib::asio::error_code error;
        Report().number(scheme, endpoint.get_local_endpoint(error).port()).print();
        std::thread([] {
            while (std::cin.get() != std::char_traits<char>::eof()) {
            }
            std::_Exit(0);
        }).detach();
        endpoint.run();
    }

private:
    typedef typename Endpoint::connection_type Connection;
    typedef typename Endpoint::message_ptr Message;

    std::shared_ptr<Connection> at(Handle handle) {
        return endpoint.get_con_from_hdl(handle);
    }

    bool choose_subprotocol(Connection& connection) {
        auto const& offered = connection.get_requested_subprotocols();
        // In the server's order of preference.
        for (std::string const name : {"interop.v2", "interop.v1"}) {
            if (std::find(offered.begin(), offered.end(), name) != offered.end()) {
                connection.select_subprotocol(name);
                break;
            }
        }
        return true;
    }

    void on_open(Connection& connection) {
        Report().text("event", "open").text("path", connection.get_resource()).opening(connection).print();
    }

    void on_message(Handle handle, typename Message::element_type const& message) {
        std::string const& payload = message.get_payload();
        counts[handle].add(payload);
        auto const connection = at(handle);
        if (connection->get_resource().compare(0, 6, "/close") == 0) {
            auto const space = payload.find(' ');
            connection->close(std::stoi(payload.substr(0, space)), payload.substr(space + 1));
        } else {
            connection->send(payload, message.get_opcode());
        }
    }

    void on_close(Handle handle) {
        auto const connection = at(handle);
        Report report;
        report.text("event", "close").text("path", connection->get_resource());
        counts[handle].tell(report);
        report.closing(*connection).print();
        counts.erase(handle);
    }

    std::map<Handle, Counts, std::owner_less<Handle>> counts;
};
