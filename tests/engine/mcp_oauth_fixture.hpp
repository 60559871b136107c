// What tests of MCP clients share that are let in by OAuth: an engine, the published client, and
// the steps of one that a test takes by itself.
#pragma once

#include "engine/core/web_message.hpp"
#include "tests/engine/engine_process.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

namespace sallyport::test {

// RFC 7636 appendix B.
inline const std::string kVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
inline const std::string kChallenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
inline const std::string kRedirect = "http://localhost:33418/callback";
inline const std::string kPing = R"({"jsonrpc":"2.0","id":1,"method":"ping"})";

class McpOAuth : public ::testing::Test {
  protected:
    McpOAuth() { ann_.sign_up(); }

    Json assistant(const std::string& email, const std::string& project,
                   const std::string& decision, const std::string& url = "") {
        const std::string packages = SALLYPORT_MCP_PACKAGES;
        std::ifstream file(packages + "/node");
        std::string node;
        std::getline(file, node);
        EXPECT_FALSE(node.empty()) << "run scripts/fetch-mcp-sdk " << packages;
        const CommandResult ran = run_command({node, SALLYPORT_MCP_OAUTH_CLIENT, packages,
                                               url.empty() ? engine_.url("/mcp") : url, email,
                                               "Password1!", project, decision});
        const Result<Json> told = Json::parse(ran.output);
        EXPECT_TRUE(told.ok()) << ran.output;
        return told.ok() ? *told : Json();
    }
    HttpResponse form(const std::string& path, const HeaderList& fields, HeaderList headers = {}) {
        std::string body;
        for (const auto& [name, value] : fields) {
            body += (body.empty() ? "" : "&") + engine::percent_encode(name) + "=" +
                    engine::percent_encode(value);
        }
        headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
        return send({.url = engine_.url(path), .method = "POST", .headers = headers, .body = body});
    }
    Json json_of(const HttpResponse& response) {
        const Result<Json> json = Json::parse(response.body);
        return json.ok() ? *json : Json();
    }
    HttpResponse message(const std::string& path, const std::string& token,
                         const std::string& body) {
        return send({.url = engine_.url(path),
                     .method = "POST",
                     .headers = {{"Content-Type", "application/json"},
                                 {"Authorization", "Bearer " + token}},
                     .body = body});
    }
    HttpResponse ping(const std::string& token, const std::string& path = "/mcp") {
        return message(path, token, kPing);
    }
    std::string client(const std::string& redirect = kRedirect) {
        return std::string(ann_.post("/register", R"({"client_name":"C","redirect_uris":[")" +
                                                      redirect +
                                                      R"("],"token_endpoint_auth_method":"none"})")
                               .body["client_id"]
                               .text());
    }
    std::string authorize_path(const std::string& id, const std::string& more = "",
                               const std::string& redirect = kRedirect) {
        return "/authorize?response_type=code&client_id=" + id +
               "&redirect_uri=" + engine::percent_encode(redirect) +
               "&code_challenge=" + kChallenge + "&code_challenge_method=S256&state=s" + more;
    }
    static std::string hidden(const HttpResponse& page) {
        const std::string begin = "name=\"request\" value=\"";
        const std::size_t at = page.body.find(begin);
        return at == std::string::npos
                   ? ""
                   : page.body.substr(at + begin.size(),
                                      page.body.find('"', at + begin.size()) - at - begin.size());
    }
    struct Browser {
        HeaderList cookie;
        std::string request;
    };
    Browser open(const std::string& id, const std::string& more = "") {
        const HttpResponse page = get(engine_.url(authorize_path(id, more)));
        const std::string cookie = page.header("set-cookie").value_or("");
        return {{{"Cookie", cookie.substr(0, cookie.find(';'))}}, hidden(page)};
    }
    HttpResponse signed_in(const Browser& browser, const std::string& password = "Password1!",
                           const std::string& email = "ann@example.org") {
        return form("/authorize/sign-in",
                    {{"request", browser.request}, {"email", email}, {"password", password}},
                    browser.cookie);
    }
    std::string code_of(const HttpResponse& answer) {
        const std::string where = answer.header("location").value_or("");
        const std::size_t at = where.find("code=");
        return at == std::string::npos ? "" : where.substr(at + 5, where.find('&', at) - at - 5);
    }
    // `more` follows in the query of the request, such as its resource.
    std::string code_for(const std::string& id, const std::string& email = "ann@example.org",
                         const std::string& more = "") {
        const Browser browser = open(id, more);
        return code_of(form("/authorize/consent",
                            {{"request", hidden(signed_in(browser, "Password1!", email))},
                             {"projectId", ann_.project()},
                             {"decision", "allow"}},
                            browser.cookie));
    }
    HttpResponse exchange(const std::string& id, const std::string& code,
                          const std::string& verifier = kVerifier,
                          const std::string& redirect = kRedirect,
                          const std::string& resource = "") {
        return form("/token", {{"grant_type", "authorization_code"},
                               {"client_id", id},
                               {"code", code},
                               {"redirect_uri", redirect},
                               {"code_verifier", verifier},
                               {"resource", resource}});
    }
    HttpResponse renew(const std::string& id, const std::string& token,
                       const std::string& resource = "") {
        return form("/token", {{"grant_type", "refresh_token"},
                               {"client_id", id},
                               {"refresh_token", token},
                               {"resource", resource}});
    }

    EngineProcess engine_{{"AP_ALLOW_OPEN_SIGN_UP=true", "AP_API_RATE_LIMIT_AUTHN_MAX=1000"}};
    ApiUser ann_{engine_};
};

}  // namespace sallyport::test
