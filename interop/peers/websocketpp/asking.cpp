// A client of WebSocket++ with a thread: docs/guides/migration/websocketpp.md has it beside ours.

#include <iostream>
#include <string>

#include <websocketpp/client.hpp>
#include <websocketpp/config/asio_no_tls_client.hpp>

typedef websocketpp::client<websocketpp::config::asio_client> client;

int main() {
    client endpoint;
    endpoint.clear_access_channels(websocketpp::log::alevel::all);
    endpoint.clear_error_channels(websocketpp::log::elevel::all);
    endpoint.init_asio();
    endpoint.start_perpetual();
    websocketpp::lib::thread thread(&client::run, &endpoint);

    websocketpp::lib::error_code ec;
    client::connection_ptr con = endpoint.get_connection("ws://localhost:9002/feed", ec);
    if (ec) {
        std::cerr << ec.message() << std::endl;
        return 1;
    }
    con->append_header("Authorization", "Bearer secret");
    con->add_subprotocol("chat.v1");
    con->set_open_handler([&endpoint](websocketpp::connection_hdl hdl) {
        websocketpp::lib::error_code ec;
        endpoint.send(hdl, "hello", websocketpp::frame::opcode::text, ec);
    });
    con->set_message_handler([&endpoint](websocketpp::connection_hdl hdl, client::message_ptr message) {
        std::cout << message->get_payload() << std::endl;
        websocketpp::lib::error_code ec;
        endpoint.close(hdl, websocketpp::close::status::normal, "done", ec);
    });
    con->set_fail_handler([&endpoint](websocketpp::connection_hdl hdl) {
        std::cerr << endpoint.get_con_from_hdl(hdl)->get_ec().message() << std::endl;
    });
    con->set_close_handler([&endpoint](websocketpp::connection_hdl hdl) {
        client::connection_ptr con = endpoint.get_con_from_hdl(hdl);
        std::cout << con->get_remote_close_code() << std::endl;
    });
    endpoint.connect(con);

    endpoint.stop_perpetual();
    thread.join();
}
