// Reports: one JSON object a line on standard output.

#pragma once

#include <cstddef>
#include <cstdint>
#include <iostream>
#include <sstream>
#include <string>

// The sessions' texts have no control characters, which JSON would want escaped.
inline std::string quoted(std::string const& text) {
    std::string json = "\"";
    for (char letter : text) {
        if (letter == '"' || letter == '\\') {
            json += '\\';
        }
        json += letter;
    }
    return json + "\"";
}

class Report {
public:
    Report& text(std::string const& name, std::string const& value) {
        return add(name, quoted(value));
    }

    // A header that is not there is empty.
    Report& text_or_null(std::string const& name, std::string const& value) {
        return add(name, value.empty() ? "null" : quoted(value));
    }

    Report& number(std::string const& name, std::size_t value) {
        return add(name, std::to_string(value));
    }

    Report& close_frame(std::string const& name, std::uint16_t code, std::string const& reason) {
        return add(name, "[" + std::to_string(code) + "," + quoted(reason) + "]");
    }

    // What the opening handshake settled. `get_subprotocol` knows it in a server only.
    template <typename Connection>
    Report& opening(Connection const& connection) {
        text_or_null("subprotocol", connection.get_response_header("Sec-WebSocket-Protocol"));
        return text_or_null("deflate", connection.get_response_header("Sec-WebSocket-Extensions"));
    }

    // How the connection ended.
    template <typename Connection>
    Report& closing(Connection const& connection) {
        close_frame("received", connection.get_remote_close_code(), connection.get_remote_close_reason());
        return close_frame("sent", connection.get_local_close_code(), connection.get_local_close_reason());
    }

    void print() const {
        std::cout << "{" << fields << "}" << std::endl;
    }

private:
    Report& add(std::string const& name, std::string const& json) {
        fields += (fields.empty() ? "" : ",") + quoted(name) + ":" + json;
        return *this;
    }

    std::string fields;
};

// The messages that came, and their bytes.
struct Counts {
    std::size_t messages = 0;
    std::size_t bytes = 0;

    void add(std::string const& payload) {
        messages += 1;
        bytes += payload.size();
    }

    void tell(Report& report) const {
        report.number("messages", messages).number("bytes", bytes);
    }
};
