// A real mail server (npm smtp-server, oracle/mail_server.mjs) on a free port, and what came to it.
// Needs SALLYPORT_MAIL_PACKAGES and SALLYPORT_MAIL_SERVER.
#pragma once

#include "common/json.hpp"
#include "tests/integration/fixtures/certificates.hpp"
#include "tests/integration/fixtures/ports.hpp"
#include "tests/integration/fixtures/process.hpp"
#include "tests/integration/fixtures/temp_dir.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::test {

class MailServer {
  public:
    explicit MailServer(const std::string& mode) {
        const std::string packages = SALLYPORT_MAIL_PACKAGES;
        std::ifstream file(packages + "/node");
        std::string node;
        std::getline(file, node);
        if (node.empty()) {
            throw std::runtime_error("run scripts/fetch-mail-server " + packages);
        }
        const Certificates& made = certificates();
        process_ = Process::spawn(
            {node, SALLYPORT_MAIL_SERVER, packages, std::to_string(port_.number()),
             made.server_certificate, made.server_key, mode},
            {.environment = {}, .directory = {}, .output_path = folder_.path("mail.log")});
        if (!wait_until([this] { return accepts(port_.number()); })) {
            throw std::runtime_error("the mail server did not start: " + folder_.read("mail.log"));
        }
    }

    std::string allowed() const { return "localhost:" + std::to_string(port_.number()); }
    std::string props(std::string_view more) const {
        return R"({"host":"localhost","port":)" + std::to_string(port_.number()) +
               std::string(more) + "}";
    }
    // The messages that came.
    std::vector<Json> messages() const {
        std::vector<Json> all;
        std::istringstream lines(folder_.read("mail.log"));
        for (std::string line; std::getline(lines, line);) {
            const Result<Json> json = Json::parse(line);
            if (json.ok()) {
                all.push_back(*json);
            }
        }
        return all;
    }

  private:
    TempDir folder_{"mail"};
    HeldPort port_;
    Process process_;
};

}  // namespace sallyport::test
