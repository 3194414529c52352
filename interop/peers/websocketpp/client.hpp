// The client and its conversation.

#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <future>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <websocketpp/client.hpp>

#include "config.hpp"
#include "report.hpp"

namespace opcode = websocketpp::frame::opcode;

// A message or a pong.
typedef std::pair<opcode::value, std::string> Payload;

// What came from the server, handed from the network's thread to the conversation's.
class Inbox {
public:
    void put(opcode::value kind, std::string const& payload) {
        std::lock_guard<std::mutex> const lock(mutex);
        payloads.emplace_back(kind, payload);
        changed.notify_one();
    }

    void end(std::string const& why) {
        std::lock_guard<std::mutex> const lock(mutex);
        ended = why;
        changed.notify_one();
    }

    Payload take() {
        std::unique_lock<std::mutex> lock(mutex);
        changed.wait(lock, [this] { return !ended.empty() || !payloads.empty(); });
        if (payloads.empty()) {
            throw std::runtime_error(ended);
        }
        Payload const payload = payloads.front();
        payloads.pop_front();
        return payload;
    }

private:
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Payload> payloads;
    std::string ended;
};

inline std::vector<Payload> messages() {
    std::string every_byte, long_one, compressible, random;
    for (int number = 0; number < 256; number++) {
        every_byte += static_cast<char>(number);
    }
    for (int number = 0; number < 70000; number++) {
        long_one += static_cast<char>(number % 251);
    }
    for (int number = 0; number < 32768; number++) {
        compressible += "abcdefghijklmnopqrstuvwxyz 01234";
    }
    std::mt19937 generator(std::random_device{}());
    while (random.size() < 1 << 20) {
        random += static_cast<char>(generator() & 0xff);
    }
    return {
        {opcode::text, ""},
        {opcode::text, "hello"},
        {opcode::text, "Grüße, Привет, γειά, 你好, नमस्ते, مرحبا 👋🏽🚢"},
        {opcode::binary, ""},
        {opcode::binary, every_byte},
        {opcode::binary, long_one},
        {opcode::text, compressible},
        {opcode::binary, random},
    };
}

inline std::vector<Payload> burst() {
    std::vector<Payload> messages;
    for (int number = 0; number < 200; number++) {
        auto const id = std::to_string(number), value = std::to_string(number * number);
        messages.push_back(
            {opcode::text, "{\"id\":" + id + ",\"kind\":\"reading\",\"pier\":\"north\",\"value\":" + value + "}"});
    }
    return messages;
}

template <typename Config>
class Client {
public:
    typedef websocketpp::client<Config> Endpoint;
    typedef websocketpp::connection_hdl Handle;

    Endpoint endpoint;

    Client() {
        prepare(endpoint);
        endpoint.set_open_handler([this](Handle) { opened.set_value(); });
        endpoint.set_fail_handler([this](Handle) {
            opened.set_exception(std::make_exception_ptr(std::runtime_error(connection->get_ec().message())));
        });
        endpoint.set_close_handler([this](Handle) { inbox.end("the server closed too early"); });
        endpoint.set_pong_handler([this](Handle, std::string payload) { inbox.put(opcode::pong, payload); });
        endpoint.set_message_handler([this](Handle, typename Endpoint::message_ptr message) {
            inbox.put(message->get_opcode(), message->get_payload());
        });
    }

    void run(std::string const& uri, std::vector<std::string> const& subprotocols) {
        websocketpp::lib::error_code error;
        connection = endpoint.get_connection(uri, error);
        if (error) {
            throw std::runtime_error(error.message());
        }
        for (auto const& name : subprotocols) {
            connection->add_subprotocol(name);
        }
        endpoint.connect(connection);
        auto talk = std::async(std::launch::async, [this] {
            try {
                opened.get_future().get();
                converse();
            } catch (...) {
                endpoint.stop();
                throw;
            }
        });
        endpoint.run();
        talk.get();
        Report report;
        report.opening(*connection);
        counts.tell(report);
        report.closing(*connection).print();
    }

private:
    void converse() {
        if (connection->get_resource().compare(0, 6, "/close") == 0) {
            connection->send("4001 fair winds ⚓");
            return;
        }
        for (auto const& message : messages()) {
            connection->send(message.second, message.first);
            expect(message);
        }
        send_in_fragments({"in ", "three ", "pieces"});
        expect({opcode::text, "in three pieces"});
        for (auto const& message : burst()) {
            connection->send(message.second, message.first);
        }
        for (auto const& message : burst()) {
            expect(message);
        }
        connection->ping("are you there");
        while (inbox.take() != Payload(opcode::pong, "are you there")) {
        }
        connection->close(4002, "done");
    }

    // The library would set RSV1 on every compressed frame, and only the first may have it (RFC 7692
    // section 6.1), so that fragments go as they are.
    void send_in_fragments(std::vector<std::string> const& fragments) {
        for (std::size_t index = 0; index < fragments.size(); index++) {
            auto const kind = index == 0 ? opcode::text : opcode::continuation;
            auto const frame = connection->get_message(kind, fragments[index].size());
            frame->append_payload(fragments[index]);
            frame->set_fin(index + 1 == fragments.size());
            connection->send(frame);
            connection->ping(fragments[index]);
        }
    }

    void expect(Payload const& message) {
        Payload got;
        do {
            got = inbox.take();
        } while (got.first == opcode::pong);
        if (got != message) {
            throw std::runtime_error(
                std::to_string(got.second.size()) + " bytes came back for " + std::to_string(message.second.size()));
        }
        counts.add(got.second);
    }

    typename Endpoint::connection_ptr connection;
    std::promise<void> opened;
    Inbox inbox;
    Counts counts;
};
