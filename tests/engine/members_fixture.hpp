// Ann, who owns a project, and Bob, whom she invites to it, on both stores.
#pragma once

#include "tests/engine/store_contract_fixture.hpp"

#include <string>

namespace sallyport::test {

class MembersContract : public StoreContract {
  protected:
    using StoreContract::StoreContract;

    // Bob accepts an invitation to Ann's project and signs up.
    void invite_bob(const std::string& role) {
        const Json invited = expect(
            ann_.post("/v1/user-invitations",
                      of_project(R"("type":"PROJECT","email":"Bob@Example.org","projectRole":")" +
                                 role + "\"")),
            201, "UserInvitationWithLink");
        EXPECT_EQ(invited["status"].text(), "PENDING");
        EXPECT_EQ(invited["email"].text(), "bob@example.org");
        ApiUser nobody(engine_);
        const ApiAnswer accepted = nobody.post(
            "/v1/user-invitations/accept", R"({"invitationToken":")" + token_of(invited) + "\"}");
        EXPECT_EQ(accepted.status, 200) << accepted.raw.body;
        EXPECT_EQ(accepted.body.dump(), R"({"registered":false})");
        EXPECT_EQ(sign_up_with(bob_, "bob@example.org", token_of(invited)).status, 200);
    }
    // Signs up with the token of an invitation; with none when that is empty.
    static ApiAnswer sign_up_with(ApiUser& user, const std::string& email,
                                  const std::string& invitation_token) {
        return user.sign_up(email, invitation_token.empty()
                                       ? ""
                                       : R"(,"invitationToken":")" + invitation_token + "\"");
    }
    static std::string token_of(const Json& invited) {
        const std::string link(invited["link"].text());
        const std::size_t at = link.find("token=") + 6;
        return link.substr(at, link.find('&', at) - at);
    }
    Json member() {
        const Json page = expect(ann_.get("/v1/project-members?" + project_query()), 200);
        EXPECT_EQ(page["data"].size(), 1U) << page.dump();
        EXPECT_EQ(oracle_->problems("ProjectMemberWithUser", page["data"].at(0)), "");
        return page["data"].at(0);
    }
    void set_role(const std::string& role) {
        const Json changed = expect(
            ann_.post("/v1/project-members/" + id_of(member()), R"({"role":")" + role + "\"}"), 200,
            "ProjectMemberWithUser");
        EXPECT_EQ(changed["projectRole"]["name"].text(), role);
    }
    std::string refused_for(const ApiAnswer& answer) {
        EXPECT_EQ(answer.status, 403) << answer.raw.body;
        return std::string(answer.body["code"].text()) + " " +
               std::string(answer.body["params"]["permission"].text());
    }

    ApiUser bob_{engine_};
};

}  // namespace sallyport::test
