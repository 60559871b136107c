#include "tests/engine/oauth_server.hpp"

#include "common/bytes.hpp"
#include "common/file_text.hpp"
#include "engine/core/web_message.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <fstream>
#include <stdexcept>

namespace sallyport::test {
namespace {

std::string first_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    if (!std::getline(file, line)) {
        throw std::runtime_error("run scripts/fetch-oauth-server: " + path + " is not there");
    }
    return line;
}

}  // namespace

OAuthServer::OAuthServer() {
    const std::string node = first_line(SALLYPORT_OAUTH_PACKAGES "/node");
    process_ = Process::spawn(
        {node, SALLYPORT_OAUTH_SERVER, SALLYPORT_OAUTH_PACKAGES, std::to_string(port_.number())},
        {.environment = {"PATH=/usr/bin:/bin"},
         .directory = {},
         .output_path = folder_.path("server.log")});
    if (!wait_until([this] { return accepts(port_.number()) || !process_.running(); }) ||
        !process_.running()) {
        throw std::runtime_error("the authorization server did not start:\n" +
                                 folder_.read("server.log"));
    }
}

std::string OAuthServer::url(const std::string& path) const {
    return "http://" + address() + path;
}

Json OAuthServer::test(const std::string& command) const {
    HttpRequest request;
    request.url = url("/test/" + command);
    const HttpResponse answer = send(request);
    const Result<Json> json = Json::parse(answer.body);
    if (!json.ok()) {
        throw std::runtime_error(answer.body);
    }
    return *json;
}

std::string OAuthServer::consent(const std::string& authorization_url) const {
    const Json answer = test("browse?url=" + engine::percent_encode(authorization_url));
    const std::string back(answer["url"].text());
    const std::size_t query = back.find('?');
    if (!back.starts_with("http://127.0.0.1:9/redirect") || query == std::string::npos) {
        throw std::runtime_error("no consent: " + back);
    }
    const auto codes =
        engine::form_values(engine::parse_form(std::string_view(back).substr(query + 1)), "code");
    return codes.empty() ? std::string() : codes.front();
}

}  // namespace sallyport::test
