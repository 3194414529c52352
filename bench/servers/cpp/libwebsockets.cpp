// libwebsockets, with its own event loop.
//
//     g++ -std=c++17 -O2 -DNDEBUG -o libwebsockets libwebsockets.cpp -lwebsockets

#include <csignal>
#include <deque>
#include <libwebsockets.h>
#include <new>
#include <vector>

#include "options.hpp"

// It writes its header in front of the payload.
struct Message {
    std::vector<unsigned char> bytes = std::vector<unsigned char>(LWS_PRE);
    lws_write_protocol kind = LWS_WRITE_BINARY;
};

struct Session {
    Message incoming;
    std::deque<Message> outgoing;
};

void receive(lws* wsi, Session& session, unsigned char const* bytes, std::size_t length) {
    auto& incoming = session.incoming;
    incoming.bytes.insert(incoming.bytes.end(), bytes, bytes + length);
    if (!lws_is_final_fragment(wsi)) return;
    incoming.kind = lws_frame_is_binary(wsi) ? LWS_WRITE_BINARY : LWS_WRITE_TEXT;
    session.outgoing.push_back(std::move(incoming));
    incoming = Message();
    lws_callback_on_writable(wsi);
}

// One message each time: the library demands it.
int send(lws* wsi, Session& session) {
    if (session.outgoing.empty()) return 0;
    Message& message = session.outgoing.front();
    std::size_t const length = message.bytes.size() - LWS_PRE;
    int const sent = lws_write(wsi, message.bytes.data() + LWS_PRE, length, message.kind);
    if (sent < static_cast<int>(length)) return -1;
    session.outgoing.pop_front();
    if (!session.outgoing.empty()) lws_callback_on_writable(wsi);
    return 0;
}

int callback(lws* wsi, lws_callback_reasons reason, void* user, void* input, std::size_t length) {
    auto* session = static_cast<Session*>(user);
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        new (session) Session();
        return 0;
    case LWS_CALLBACK_RECEIVE:
        receive(wsi, *session, static_cast<unsigned char*>(input), length);
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return send(wsi, *session);
    case LWS_CALLBACK_CLOSED:
        session->~Session();
        return 0;
    default:
        return lws_callback_http_dummy(wsi, reason, user, input, length);
    }
}

int main(int count, char** arguments) {
    Options const options = parse(count, arguments);
    // A server of it agrees to what the client offers, and cannot ask for less.
    if (options.deflate == Deflate::shared) refuse("libwebsockets cannot decline context takeover");
    // A client that leaves during a write must not end the program.
    std::signal(SIGPIPE, SIG_IGN);
    lws_set_log_level(0, nullptr);
    // 64 KiB at once, as the fast ones read.
    lws_protocols const protocols[] = {
        {"echo", callback, sizeof(Session), 64 * 1024, 0, nullptr, 0},
        {nullptr, nullptr, 0, 0, 0, nullptr, 0},
    };
    lws_extension const extensions[] = {
        {"permessage-deflate", lws_extension_callback_pm_deflate, "permessage-deflate"},
        {nullptr, nullptr, nullptr},
    };
    lws_context_creation_info info{};
    info.port = options.port;
    info.iface = "127.0.0.1";
    info.protocols = protocols;
    info.extensions = options.deflate == Deflate::takeover ? extensions : nullptr;
    info.options = LWS_SERVER_OPTION_VALIDATE_UTF8;
    lws_context* const context = lws_create_context(&info);
    if (context == nullptr) return 1;
    ready();
    while (lws_service(context, 0) >= 0) {
    }
    lws_context_destroy(context);
}
