// The command line of the C++ servers. What a program does not have ends it with status 2.

#pragma once

#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>

enum class Deflate { off, shared, takeover };

struct Options {
    unsigned short port = 0;
    Deflate deflate = Deflate::off;
};

[[noreturn]] inline void refuse(std::string const& why) {
    std::cerr << why << std::endl;
    std::exit(2);
}

inline Deflate parse_deflate(std::string const& name) {
    if (name == "off") return Deflate::off;
    if (name == "shared") return Deflate::shared;
    if (name == "takeover") return Deflate::takeover;
    refuse("--deflate is off, shared or takeover");
}

inline Options parse(int count, char** arguments) {
    Options options;
    for (int i = 1; i < count; i += 2) {
        std::string const name = arguments[i];
        if (i + 1 == count || (name != "--port" && name != "--deflate")) {
            refuse("unexpected argument " + name);
        }
        if (name == "--port") {
            options.port = static_cast<unsigned short>(std::atoi(arguments[i + 1]));
        } else {
            options.deflate = parse_deflate(arguments[i + 1]);
        }
    }
    if (options.port == 0) refuse("--port is missing");
    return options;
}

// Says that clients may come.
inline void ready() {
    std::cout << "ready" << std::endl;
}
