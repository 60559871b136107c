// An engine whose steps may reach services of this machine, and a user with connections to them.
#pragma once

#include "tests/engine/engine_process.hpp"
#include "tests/integration/fixtures/certificates.hpp"
#include "tests/integration/fixtures/upstream.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::test {

inline std::string piece_step(std::string_view name, std::string_view piece,
                              std::string_view action, std::string_view input) {
    return R"({"type":"PIECE","displayName":"Step","valid":true,"name":")" + std::string(name) +
           R"(","settings":{"pieceName":"@activepieces/piece-)" + std::string(piece) +
           R"(","pieceVersion":"0.1.0","actionName":")" + std::string(action) +
           R"(","propertySettings":{},"input":)" + std::string(input) + "}}";
}

// An engine that may reach this machine's services, and Ann.
class Services {
  public:
    explicit Services(const std::string& allowed) {
        std::vector<std::string> settings = {"SALLYPORT_CA_FILE=" + certificates().ca};
        if (!allowed.empty()) {
            settings.push_back("SALLYPORT_EGRESS_ALLOW=" + allowed);
        }
        // What libpq would read from the environment is not for the servers of steps.
        settings.insert(settings.end(), {"PGSERVICE=nowhere", "PGOPTIONS=-c search_path=elsewhere",
                                         "PGPASSWORD=of-the-engine", "PGREQUIREAUTH=gss"});
        engine_ = std::make_unique<EngineProcess>(settings);
        ann_ = std::make_unique<ApiUser>(*engine_);
        ann_->sign_up();
    }

    // A piece of that name asks nobody.
    void connection(std::string_view name, std::string_view props) {
        const ApiAnswer made = connect("p", name, props);
        ASSERT_EQ(made.status, 201) << made.raw.body;
    }
    ApiAnswer connect(std::string_view piece, std::string_view name, std::string_view props) {
        return ann_->post("/v1/app-connections",
                          R"({"externalId":")" + std::string(name) +
                              R"(","displayName":"C","pieceName":")" + std::string(piece) +
                              R"(","projectId":")" + ann_->project() +
                              R"(","type":"CUSTOM_AUTH","value":{"type":"CUSTOM_AUTH","props":)" +
                              std::string(props) + "}}");
    }

    // The record of one step, run with `body` coming in.
    Json step(std::string_view piece, std::string_view action, std::string_view input,
              const std::string& body = "{}") {
        const std::string flow = ann_->make_flow({piece_step("step", piece, action, input)});
        HttpRequest request;
        request.method = "POST";
        request.url = engine_->url("/v1/webhooks/" + flow);
        request.headers = {{"Content-Type", "application/json"}};
        request.body = body;
        const HttpResponse answer = send(request);
        return ann_->finished_run(answer.header("x-webhook-id").value_or(""))["steps"]["step"];
    }
    EngineProcess& engine() { return *engine_; }
    ApiUser& ann() { return *ann_; }

  private:
    std::unique_ptr<EngineProcess> engine_;
    std::unique_ptr<ApiUser> ann_;
};

}  // namespace sallyport::test
