// Nobody hands on more than he has, and an address alone proves nothing: roles and invitations
// under people who want more, on both stores.
#include "tests/engine/members_fixture.hpp"

#include <string>

namespace sallyport::test {
namespace {

class Access : public MembersContract {
  protected:
    using MembersContract::MembersContract;

    // Bob comes with a role of these permissions.
    void bob_with(const std::string& permissions) {
        expect(ann_.post("/v1/project-roles",
                         R"({"name":"Clerk","type":"CUSTOM","permissions":)" + permissions + "}"),
               201, "ProjectRole");
        invite_bob("Clerk");
    }
    ApiAnswer invite(ApiUser& by, const std::string& email, const std::string& role,
                     const std::string& more = "") {
        return by.post("/v1/user-invitations",
                       of_project(R"("type":"PROJECT","email":")" + email + R"(","projectRole":")" +
                                  role + "\"" + more));
    }
    ApiAnswer accept(ApiUser& by, const Json& invited) {
        return by.post("/v1/user-invitations/accept",
                       R"({"invitationToken":")" + token_of(invited) + "\"}");
    }
    std::string id_of_member(const std::string& email) {
        const Json page = ann_.get("/v1/project-members?limit=50&" + project_query()).body["data"];
        for (std::size_t i = 0; i < page.size(); ++i) {
            if (page.at(i)["user"]["email"].text() == email) {
                return std::string(page.at(i)["id"].text());
            }
        }
        return {};
    }
    std::string role_of(const std::string& email) {
        const std::string id = id_of_member(email);
        const Json page = ann_.get("/v1/project-members?limit=50&" + project_query()).body["data"];
        for (std::size_t i = 0; i < page.size(); ++i) {
            if (page.at(i)["id"].text() == id) {
                return std::string(page.at(i)["projectRole"]["name"].text());
            }
        }
        return {};
    }
    ApiUser program() {
        ApiUser made(engine_);
        made.token = ann_.post("/v1/api-keys", R"({"displayName":"K"})").body["value"].text();
        return made;
    }
    static std::string platform_role(const std::string& email, const std::string& more = "") {
        return R"({"type":"PLATFORM","email":")" + email + R"(","platformRole":"ADMIN")" + more +
               "}";
    }
};

TEST_P(Access, MembersGiveNoRoleBeyondTheirOwn) {
    bob_with(R"(["READ_PROJECT_MEMBER","WRITE_PROJECT_MEMBER","WRITE_INVITATION",)"
             R"("READ_INVITATION","READ_FLOW"])");
    const std::string bob = "/v1/project-members/" + id_of_member("bob@example.org");
    EXPECT_EQ(refused_for(bob_.post(bob, R"({"role":"Admin"})")),
              "PERMISSION_DENIED READ_APP_CONNECTION");
    EXPECT_EQ(refused_for(bob_.post(bob, R"({"role":"Viewer"})")),
              "PERMISSION_DENIED READ_APP_CONNECTION");
    EXPECT_EQ(role_of("bob@example.org"), "Clerk");
    EXPECT_EQ(refused_for(invite(bob_, "eve@x.org", "Admin")),
              "PERMISSION_DENIED READ_APP_CONNECTION");

    // Within his own he may.
    expect(ann_.post("/v1/project-roles",
                     R"({"name":"Reader","type":"CUSTOM","permissions":["READ_FLOW"]})"),
           201);
    const Json reader = expect(invite(bob_, "eve@x.org", "Reader"), 201, "UserInvitationWithLink");
    ApiUser eve(engine_);
    EXPECT_EQ(sign_up_with(eve, "eve@x.org", token_of(reader)).status, 200);
    EXPECT_EQ(role_of("eve@x.org"), "Reader");
    const std::string of_eve = "/v1/project-members/" + id_of_member("eve@x.org");
    EXPECT_EQ(bob_.post(of_eve, R"({"role":"Clerk"})").status, 200);
    EXPECT_EQ(bob_.post(of_eve, R"({"role":"Reader"})").status, 200);

    // Who stands above him stays there.
    EXPECT_EQ(ann_.post(of_eve, R"({"role":"Editor"})").status, 200);
    EXPECT_EQ(refused_for(bob_.post(of_eve, R"({"role":"Reader"})")),
              "PERMISSION_DENIED READ_APP_CONNECTION");
    EXPECT_EQ(refused_for(bob_.call("DELETE", of_eve)), "PERMISSION_DENIED READ_APP_CONNECTION");
    EXPECT_EQ(role_of("eve@x.org"), "Editor");
    // Not by an invitation that she never saw either, be it accepted with the link he was shown.
    const Json less = expect(invite(bob_, "eve@x.org", "Reader"), 201);
    accept(eve, less);
    EXPECT_EQ(role_of("eve@x.org"), "Editor");

    EXPECT_EQ(ann_.post(of_eve, R"({"role":"Reader"})").status, 200);
    EXPECT_EQ(bob_.call("DELETE", of_eve).status, 204);
    EXPECT_EQ(role_of("eve@x.org"), "");
}

TEST_P(Access, InvitationsBeyondARoleAreNotItsToTouch) {
    bob_with(R"(["WRITE_INVITATION","READ_INVITATION","READ_FLOW"])");
    expect(ann_.post("/v1/project-roles",
                     R"({"name":"Reader","type":"CUSTOM","permissions":["READ_FLOW"]})"),
           201);
    const Json made = expect(invite(ann_, "eve@x.org", "Admin"), 201);
    EXPECT_EQ(refused_for(bob_.call("DELETE", "/v1/user-invitations/" + id_of(made))),
              "PERMISSION_DENIED READ_APP_CONNECTION");
    EXPECT_EQ(refused_for(invite(bob_, "eve@x.org", "Reader")),
              "PERMISSION_DENIED READ_APP_CONNECTION")
        << "the earlier link would be void";
    ApiUser eve(engine_);
    EXPECT_EQ(sign_up_with(eve, "eve@x.org", token_of(made)).status, 200);
    EXPECT_EQ(role_of("eve@x.org"), "Admin");
    // Platform administrators give what they themselves do not have in the project.
    EXPECT_EQ(ann_.post("/v1/users/" + std::string(bob_.get("/v1/users/me").body["id"].text()),
                        R"({"platformRole":"ADMIN"})")
                  .status,
              200);
    bob_.sign_in("bob@example.org", "Password1!");
    EXPECT_EQ(invite(bob_, "dan@x.org", "Admin").status, 201);
}

TEST_P(Access, AnAddressAloneGetsNoRole) {
    ApiUser key = program();
    const Json project =
        expect(invite(key, "bob@example.org", "Editor"), 201, "UserInvitationWithLink");
    EXPECT_EQ(project["status"].text(), "PENDING");
    const Json platform = expect(key.post("/v1/user-invitations", platform_role("eve@x.org")), 201,
                                 "UserInvitationWithLink");
    // Somebody accepts for eve: whoever then comes by her address first is not therefore she.
    ApiUser nobody(engine_);
    EXPECT_EQ(accept(nobody, platform).body.dump(), R"({"registered":false})");
    ApiUser eve(engine_);
    EXPECT_EQ(eve.sign_up("eve@x.org").body["platformRole"].text(), "MEMBER");

    // A token of another address, a broken one, one that was replaced.
    ApiUser thief(engine_);
    for (const std::string& bad : {token_of(platform), token_of(project) + "x", ann_.token}) {
        EXPECT_EQ(sign_up_with(thief, "bob@example.org", bad).body["code"].text(),
                  "INVALID_BEARER_TOKEN")
            << bad;
    }
    const Json again = expect(invite(key, "bob@example.org", "Viewer"), 201);
    EXPECT_EQ(sign_up_with(thief, "bob@example.org", token_of(project)).status, 401);
    EXPECT_EQ(sign_up_with(bob_, "bob@example.org", token_of(again)).status, 200);
    EXPECT_EQ(role_of("bob@example.org"), "Viewer");
    ApiUser late(engine_);
    EXPECT_EQ(accept(late, again).status, 404) << "used up";

    // An account may be anybody's where all may sign up: its session and the link together count.
    const Json more = expect(invite(ann_, "eve@x.org", "Editor"), 201);
    EXPECT_EQ(accept(nobody, more).body["code"].text(), "AUTHORIZATION");
    EXPECT_EQ(accept(bob_, more).body["code"].text(), "AUTHORIZATION");
    EXPECT_EQ(role_of("eve@x.org"), "");
    EXPECT_EQ(accept(eve, more).body.dump(), R"({"registered":true})");
    EXPECT_EQ(role_of("eve@x.org"), "Editor");
}

TEST_P(Access, ProgramsMayVouch) {
    ApiUser key = program();
    const Json vouched = expect(invite(key, "bob@example.org", "Editor", R"(,"accepted":true)"),
                                201, "UserInvitation");
    EXPECT_EQ(vouched["status"].text(), "ACCEPTED");
    EXPECT_FALSE(vouched.has("link"));
    EXPECT_EQ(bob_.sign_up("bob@example.org").status, 200);
    EXPECT_EQ(role_of("bob@example.org"), "Editor");
    EXPECT_EQ(invite(ann_, "eve@x.org", "Viewer", R"(,"accepted":true)").status, 403)
        << "people do not";
}

// A key is its maker's as an administrator: without the role it opens nothing, with it again it
// does.
TEST_P(Access, KeysGoWithTheirMakersRole) {
    const Json invited =
        expect(ann_.post("/v1/user-invitations", platform_role("adam@example.org")), 201);
    ApiUser adam(engine_);
    EXPECT_EQ(sign_up_with(adam, "adam@example.org", token_of(invited)).status, 200);
    const std::string id(adam.get("/v1/users/me").body["id"].text());
    ApiUser program(engine_);
    program.token = adam.post("/v1/api-keys", R"({"displayName":"K"})").body["value"].text();
    const std::string flows = "/v1/flows?" + project_query();
    EXPECT_EQ(program.get(flows).status, 200);

    for (const std::string role : {"MEMBER", "OPERATOR"}) {
        EXPECT_EQ(ann_.post("/v1/users/" + id, R"({"platformRole":")" + role + "\"}").status, 200);
        const ApiAnswer refused = program.get(flows);
        EXPECT_EQ(refused.status, 401) << role;
        EXPECT_EQ(refused.body["code"].text(), "INVALID_API_KEY");
    }
    EXPECT_EQ(ann_.post("/v1/users/" + id, R"({"platformRole":"ADMIN"})").status, 200);
    EXPECT_EQ(program.get(flows).status, 200);
    EXPECT_EQ(ann_.post("/v1/users/" + id, R"({"status":"INACTIVE"})").status, 200);
    EXPECT_EQ(program.get(flows).status, 403);
}

INSTANTIATE_TEST_SUITE_P(Stores, Access, testing::Values("sqlite", "postgres"),
                         [](const auto& one) { return std::string(one.param); });

// Where only the invited sign up, whoever has an account has come by a link.
class Closed : public testing::Test {
  protected:
    static std::string token_of(const ApiAnswer& invited) {
        const std::string link(invited.body["link"].text());
        const std::size_t at = link.find("token=") + 6;
        return link.substr(at, link.find('&', at) - at);
    }
    ApiAnswer invite(ApiUser& by, const std::string& email, const std::string& more = "") {
        return by.post("/v1/user-invitations", R"({"type":"PLATFORM","email":")" + email +
                                                   R"(","platformRole":"MEMBER")" + more + "}");
    }
    ApiUser program() {
        ApiUser made(engine_);
        made.token = ann_.post("/v1/api-keys", R"({"displayName":"K"})").body["value"].text();
        return made;
    }
    EngineProcess engine_;
    ApiUser ann_{engine_};
    ApiUser bob_{engine_};
};

TEST_F(Closed, OnlyTheInvitedSignUp) {
    ann_.sign_up();
    ApiUser key = program();
    EXPECT_EQ(bob_.sign_up("bob@example.org").status, 403);
    const ApiAnswer invited = invite(key, "bob@example.org");
    EXPECT_EQ(invited.body["status"].text(), "PENDING");
    EXPECT_EQ(bob_.sign_up("bob@example.org").body["code"].text(), "INVITATION_ONLY_SIGN_UP");
    EXPECT_EQ(bob_.sign_up("bob@example.org", R"(,"invitationToken":")" + token_of(invited) + "\"")
                  .status,
              200);
    EXPECT_EQ(invite(key, "dan@example.org", R"(,"accepted":true)").status, 201);
    ApiUser dan(engine_);
    EXPECT_EQ(dan.sign_up("dan@example.org").status, 200);
    ApiUser eve(engine_);
    EXPECT_NE(eve.sign_up("eve@example.org").status, 200);
    // Bob's account is his: a program's invitation reaches it at once, and the link alone.
    const std::string project = R"({"type":"PROJECT","email":"bob@example.org","projectId":")" +
                                ann_.project() + R"(","projectRole":")";
    EXPECT_EQ(key.post("/v1/user-invitations", project + "Viewer\"}").body["status"].text(),
              "ACCEPTED");
    EXPECT_EQ(bob_.get("/v1/flows?projectId=" + ann_.project()).status, 200);
    const ApiAnswer more = ann_.post("/v1/user-invitations", project + "Editor\"}");
    ApiUser nobody(engine_);
    EXPECT_EQ(
        nobody
            .post("/v1/user-invitations/accept", R"({"invitationToken":")" + token_of(more) + "\"}")
            .body.dump(),
        R"({"registered":true})");
    EXPECT_EQ(
        bob_.post("/v1/folders", R"({"displayName":"D","projectId":")" + ann_.project() + "\"}")
            .status,
        200);
}

// Clients of the contract accept first and sign up without the token: their browser brings it.
TEST_F(Closed, ABrowserKeepsTheTokenForTheSignUp) {
    ann_.sign_up();
    const ApiAnswer invited = invite(ann_, "bob@example.org");
    const ApiAnswer accepted = bob_.post("/v1/user-invitations/accept",
                                         R"({"invitationToken":")" + token_of(invited) + "\"}");
    const std::string cookie = accepted.raw.header("set-cookie").value_or("");
    EXPECT_NE(cookie.find("; HttpOnly; SameSite=Strict"), std::string::npos) << cookie;
    bob_.more_headers = [value = cookie.substr(0, cookie.find(';'))] {
        return HeaderList{{"Cookie", "theme=dark; " + value}};
    };
    EXPECT_EQ(bob_.sign_up("eve@example.org").status, 403) << "it is bob's";
    EXPECT_EQ(bob_.sign_up("bob@example.org").status, 200);
}

}  // namespace
}  // namespace sallyport::test
