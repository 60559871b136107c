// Two engines on one PostgreSQL database and one MCP session of protocol 2024-11-05: the stream is
// the first's, and its client's messages reach the second.
#include "tests/engine/engine_process.hpp"
#include "tests/integration/fixtures/postgres_server.hpp"
#include "tests/integration/fixtures/wait.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

class SharedMcp : public ::testing::Test {
  protected:
    static void SetUpTestSuite() { server_ = std::make_unique<PostgresServer>(); }
    static void TearDownTestSuite() { server_.reset(); }
    SharedMcp() { ann_.sign_up(); }

    std::vector<std::string> on_database() {
        return {"AP_DB_TYPE=POSTGRES", "AP_POSTGRES_URL=" + database_};
    }
    std::string token() {
        return std::string(
            ann_.get("/v1/projects/" + ann_.project() + "/mcp-server").body["token"].text());
    }
    // Opens a stream at the first and reads where its messages go.
    std::string endpoint_of(RawSocket& stream, const std::string& token) {
        stream.send("GET /v1/mcp/" + token + "/sse HTTP/1.1\r\nHost: e\r\n\r\n");
        const std::string begin = "event: endpoint\ndata: ";
        const std::string head = stream.receive_until("\n\n");
        const std::size_t at = head.find(begin);
        return at == std::string::npos
                   ? "/nowhere"
                   : head.substr(at + begin.size(),
                                 head.find('\n', at + begin.size()) - at - begin.size());
    }
    int post(const EngineProcess& engine, const std::string& path, const std::string& body) {
        return send({.url = engine.url(path),
                     .method = "POST",
                     .headers = {{"Content-Type", "application/json"}},
                     .body = body})
            .status;
    }
    static std::string rpc(int id, const std::string& method, const std::string& params = "{}") {
        return R"({"jsonrpc":"2.0","id":)" + std::to_string(id) + R"(,"method":")" + method +
               R"(","params":)" + params + "}";
    }
    std::string messages_left() {
        return server_->query(database_, "SELECT count(*) FROM entity WHERE kind = 'mcp_message'");
    }

    inline static std::unique_ptr<PostgresServer> server_;
    std::string database_ = server_->make_database();
    EngineProcess first_{on_database()};
    EngineProcess second_{on_database()};
    ApiUser ann_{first_};
};

TEST_F(SharedMcp, MessagesReachTheStreamByEitherEngine) {
    const std::string mine = token();
    RawSocket stream(first_.port());
    const std::string endpoint = endpoint_of(stream, mine);
    RawSocket other(first_.port());
    const std::string other_endpoint = endpoint_of(other, mine);
    ASSERT_NE(endpoint, other_endpoint);
    int id = 0;
    for (const EngineProcess* engine : {&second_, &first_, &second_}) {
        ++id;
        EXPECT_EQ(post(*engine, endpoint, rpc(id, "tools/list")), 202);
        const std::string heard = stream.receive_until("\n\n");
        EXPECT_NE(heard.find(R"("id":)" + std::to_string(id)), std::string::npos) << heard;
        EXPECT_NE(heard.find("ap_list_flows"), std::string::npos) << heard;
    }
    EXPECT_EQ(post(second_, endpoint,
                   rpc(7, "tools/call",
                       R"({"name":"ap_create_flow","arguments":{"flowName":"By a model"}})")),
              202);
    EXPECT_NE(stream.receive_until("\n\n").find("By a model"), std::string::npos);
    EXPECT_EQ(post(second_, other_endpoint, rpc(8, "ping")), 202);
    const std::string heard = other.receive_until("\n\n");
    EXPECT_NE(heard.find(R"("id":8)"), std::string::npos) << "each stream its own: " << heard;
    EXPECT_EQ(post(second_, endpoint, "no message"), 400);
    EXPECT_EQ(post(second_, endpoint, R"({"jsonrpc":"2.0","method":"notifications/initialized"})"),
              202);
    EXPECT_EQ(messages_left(), "0");
}

TEST_F(SharedMcp, WhatNobodyHasIsNotFound) {
    std::string endpoint;
    const std::string mine = token();
    RawSocket stream(first_.port());
    endpoint = endpoint_of(stream, mine);
    EXPECT_EQ(post(second_, endpoint + "x", rpc(1, "ping")), 404) << "not one that an engine made";
    EXPECT_EQ(post(second_, "/api/v1/mcp/messages?sessionId=" + ann_.token, rpc(1, "ping")), 404);
    EXPECT_EQ(messages_left(), "0") << "strangers lay nothing into the database";
    // A token that is over ends the stream, whoever hears of it.
    ASSERT_EQ(ann_.post("/v1/projects/" + ann_.project() + "/mcp-server/rotate", "{}").status, 200);
    EXPECT_EQ(post(second_, endpoint, rpc(2, "ping")), 202);
    EXPECT_EQ(stream.receive_all().find(R"("id":2)"), std::string::npos);
    RawSocket again(first_.port());
    endpoint = endpoint_of(again, token());
    first_.kill();
    EXPECT_EQ(post(second_, endpoint, rpc(3, "ping")), 404);
    EXPECT_EQ(messages_left(), "0");
}

}  // namespace
}  // namespace sallyport::test
