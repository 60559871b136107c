// A real forward proxy (tinyproxy) on a free port, which lets in who knows its name and password
// and says in its log what it was asked for.
#pragma once

#include "tests/integration/fixtures/ports.hpp"
#include "tests/integration/fixtures/process.hpp"
#include "tests/integration/fixtures/temp_dir.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace sallyport::test {

class ForwardProxy {
  public:
    static constexpr const char* kUser = "ann";
    static constexpr const char* kPassword = "let-me-through";

    ForwardProxy() {
        const std::string configuration = dir_.path("proxy.conf");
        std::ofstream(configuration)
            << "Port " << port_.number() << "\nListen 127.0.0.1\nTimeout 20\nMaxClients 20\n"
            << "LogFile \"" << dir_.path("log") << "\"\nLogLevel Info\nBasicAuth " << kUser << " "
            << kPassword << "\n";
        process_ = Process::spawn({"tinyproxy", "-d", "-c", configuration},
                                  {.environment = {},
                                   .directory = {},
                                   .output_path = dir_.path("out"),
                                   .parent_death_signal = SIGKILL});
        if (!wait_until([this] { return accepts(port_.number()); })) {
            throw std::runtime_error("the proxy does not listen: " + read("out") + read("log"));
        }
    }
    ~ForwardProxy() { process_.stop(); }
    ForwardProxy(const ForwardProxy&) = delete;
    ForwardProxy& operator=(const ForwardProxy&) = delete;

    std::uint16_t port() const { return port_.number(); }
    std::string address() const { return "127.0.0.1:" + std::to_string(port()); }
    // How often it was asked for a tunnel to `target`, an address with its port.
    std::size_t tunnels(const std::string& target) const {
        const std::string log = read("log");
        const std::string line = "CONNECT " + target + " ";
        std::size_t count = 0;
        for (std::size_t at = log.find(line); at != log.npos; at = log.find(line, at + 1)) {
            ++count;
        }
        return count;
    }
    bool was_asked() const { return read("log").find("Request (") != std::string::npos; }

  private:
    std::string read(const std::string& name) const {
        std::stringstream text;
        text << std::ifstream(dir_.path(name)).rdbuf();
        return text.str();
    }

    TempDir dir_{"forward-proxy"};
    HeldPort port_;
    Process process_;
};

}  // namespace sallyport::test
