#include "engine/adapters/oauth2_tokens.hpp"

#include "engine/adapters/stored_secrets.hpp"
#include "engine/core/oauth2.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::uint32_t kProviderTimeoutMs = 10'000;
constexpr std::size_t kAnswerBytesMax = 256 * 1024;
// Longer than a request to the provider takes: the lease of an engine that died ends by itself.
constexpr std::int64_t kLeaseMs = 20'000;
constexpr std::int64_t kLookAgainMs = 250;
constexpr std::int64_t kWaitMsMax = 40'000;
// A token that the store did not take is offered again after this. The provider knows no other any
// more, so there is no end to it but the engine's.
constexpr std::int64_t kStoreAgainMs = 1'000;

constexpr std::string_view kLease = "refreshingUntil";
constexpr std::string_view kNoCloud = "no service is asked for its tokens (AP_CLOUD_AUTH_ENABLED)";

std::string with_name(const EntityRow& row, const std::string& problem) {
    return "The connection '" + row.key + "' cannot be used: " + problem;
}

bool is_cloud(const Json& value) {
    return value["type"].text() == kCloudOAuth2Type;
}

Result<Json> taken_from(const Json& value, const HttpResponse& answer, std::int64_t now_s) {
    return is_cloud(value) ? cloud_claimed_value(value, answer.status, answer.body, now_s)
                           : claimed_value(value, answer.status, answer.body, now_s);
}

Json body_of(const EntityRow& row) {
    const Result<Json> body = Json::parse(row.body);
    return body.ok() && body->is_object() ? *body : Json::object();
}

}  // namespace

// One refresh and all who wait for it.
struct OAuth2Tokens::Refresh {
    EntityRow row;  // as last read
    Json value;     // opened
    Json renewed;   // what the provider gave, until it is stored
    std::vector<Done> waiters;
    std::int64_t begun_ms = 0;
};

void OAuth2Tokens::with_client_secret(const std::string& platform_id, const std::string& piece,
                                      const Json& value,
                                      const std::function<void(Result<Secret>)>& then) {
    if (value["type"].text() != "PLATFORM_OAUTH2") {
        return then(Secret(value["client_secret"].text()));
    }
    ports_.store.entity_by_key(
        kOAuthAppKind, platform_id, piece,
        [this, then, client = std::string(value["client_id"].text())](
            const Result<std::optional<EntityRow>>& app) {
            if (!app.ok()) {
                return then(app.error());
            }
            const Json body = app->has_value() ? body_of(**app) : Json::object();
            if (body["clientId"].text() != client) {
                return then(Error{"no OAuth2 app of that piece and client_id is registered"});
            }
            const Result<Json> secret = open_value(ports_.secrets, **app, body);
            if (!secret.ok()) {
                return then(secret.error());
            }
            then(Secret(secret->text()));
        });
}

void OAuth2Tokens::post(const std::string& project_id, TokenRequest wanted,
                        std::function<void(HttpOutcome)> then) {
    HttpRequest request;
    request.method = "POST";
    request.url = std::move(wanted.url);
    request.headers = {{"Content-Type", std::move(wanted.content_type)},
                       {"Accept", "application/json"}};
    if (!wanted.authorization.empty()) {
        request.headers.push_back({"Authorization", std::move(wanted.authorization)});
    }
    request.body = std::move(wanted.body);
    request.tenant = project_id;
    request.timeout_ms = kProviderTimeoutMs;
    request.response_bytes_max = kAnswerBytesMax;
    request.redirects_max = 0;  // secrets go where they were meant to go
    ports_.http.send(std::move(request), std::move(then));
}

void OAuth2Tokens::claim(const std::string& project_id, const std::string& platform_id,
                         const std::string& piece, Json value, Done done) {
    if (is_cloud(value)) {
        if (!has_cloud_service()) {
            return done(Error{std::string(kNoCloud)});
        }
        return post_claim(project_id, value, cloud_claim_request(cloud_service_, piece, value),
                          done);
    }
    with_client_secret(
        platform_id, piece, value, [this, project_id, value, done](const Result<Secret>& secret) {
            if (!secret.ok()) {
                return done(secret.error());
            }
            post_claim(project_id, value, claim_request(value, secret->reveal()), done);
        });
}

void OAuth2Tokens::post_claim(const std::string& project_id, const Json& value,
                              TokenRequest request, const Done& done) {
    post(project_id, std::move(request), [this, value, done](const HttpOutcome& outcome) {
        if (const auto* failure = std::get_if<HttpFailure>(&outcome)) {
            return done(Error{"the provider cannot be reached: " + failure->message});
        }
        done(taken_from(value, std::get<HttpResponse>(outcome), now_s()));
    });
}

void OAuth2Tokens::fresh(const EntityRow& row, Done done) {
    const Json body = body_of(row);
    if (body["status"].text() == "ERROR") {
        return done(Error{with_name(row, "it has expired; connect again")});
    }
    const Result<Json> value = open_value(ports_.secrets, row, body);
    if (!value.ok() || !is_due(*value, now_s())) {
        return done(value.ok() ? value : Error{with_name(row, value.message())});
    }
    if (const auto there = under_way_.find(row.id); there != under_way_.end()) {
        if (there->second->renewed.exists()) {
            return done(there->second->renewed);
        }
        there->second->waiters.push_back(std::move(done));
        return;
    }
    auto refresh = std::make_shared<Refresh>();
    refresh->row = row;
    refresh->value = *value;
    refresh->waiters.push_back(std::move(done));
    refresh->begun_ms = ports_.clock.steady_ms();
    under_way_[row.id] = refresh;
    take_lease(refresh);
}

// Whoever writes its lease into the row asks the provider; what another engine has stored since is
// taken as it is.
void OAuth2Tokens::take_lease(const RefreshPtr& refresh) {
    enum class Found { mine, taken, changed };
    const auto found = std::make_shared<Found>(Found::taken);
    const std::int64_t now = ports_.clock.now_ms();
    ports_.store.change_entity(
        refresh->row.kind, refresh->row.scope, refresh->row.key,
        [found, now, id = refresh->row.id,
         sealed = body_of(refresh->row)["value"].dump()](std::optional<EntityRow>& stored) {
            Json body = stored && stored->id == id ? body_of(*stored) : Json::object();
            const bool same = body["value"].dump() == sealed && body["status"].text() != "ERROR";
            const bool leased = body[kLease].integer_or(0) > now;
            *found = !same ? Found::changed : leased ? Found::taken : Found::mine;
            if (*found == Found::mine) {
                body.set(kLease, Json::integer(now + kLeaseMs));
                stored->body = body.dump();
            }
            return *found == Found::mine;
        },
        [this, refresh, found](const Result<std::optional<EntityRow>>& stored) {
            if (!stored.ok()) {
                return wait(refresh);  // nobody was asked yet: the store may be back by then
            }
            if (*found == Found::mine) {
                refresh->row = **stored;
                return ask_provider(refresh);
            }
            if (*found == Found::taken) {
                return wait(refresh);
            }
            const Json body = stored->has_value() ? body_of(**stored) : Json::object();
            if (body["status"].text() != "ACTIVE") {
                return end(refresh, Error{with_name(refresh->row, "it has expired or is gone")});
            }
            end(refresh, open_value(ports_.secrets, **stored, body));
        });
}

void OAuth2Tokens::wait(const RefreshPtr& refresh) {
    if (ports_.clock.steady_ms() - refresh->begun_ms > kWaitMsMax) {
        return end(refresh, Error{with_name(refresh->row, "its refresh takes too long")});
    }
    ports_.loop.after(kLookAgainMs, [this, refresh] { take_lease(refresh); });
}

void OAuth2Tokens::ask_provider(const RefreshPtr& refresh) {
    if (is_cloud(refresh->value)) {
        return ask_cloud(refresh);
    }
    const Json body = body_of(refresh->row);
    with_client_secret(std::string(body["platformId"].text()),
                       std::string(body["pieceName"].text()), refresh->value,
                       [this, refresh](const Result<Secret>& secret) {
                           if (!secret.ok()) {
                               return give_up(refresh, secret.message(), false);
                           }
                           post_refresh(refresh, refresh_request(refresh->value, secret->reveal()));
                       });
}

// The service can be switched on again: without it nothing is lost for good.
void OAuth2Tokens::ask_cloud(const RefreshPtr& refresh) {
    if (!has_cloud_service()) {
        return give_up(refresh, std::string(kNoCloud), false);
    }
    post_refresh(refresh,
                 cloud_refresh_request(cloud_service_, body_of(refresh->row)["pieceName"].text(),
                                       refresh->value));
}

void OAuth2Tokens::post_refresh(const RefreshPtr& refresh, const Result<TokenRequest>& request) {
    if (!request.ok()) {
        return give_up(refresh, request.message(), true);
    }
    post(refresh->row.scope, *request,
         [this, refresh](const HttpOutcome& outcome) { hear_provider(refresh, outcome); });
}

void OAuth2Tokens::hear_provider(const RefreshPtr& refresh, const HttpOutcome& outcome) {
    if (const auto* failure = std::get_if<HttpFailure>(&outcome)) {
        return give_up(refresh, "the provider cannot be reached: " + failure->message, false);
    }
    const auto& answer = std::get<HttpResponse>(outcome);
    const Result<Json> value = taken_from(refresh->value, answer, now_s());
    if (!value.ok()) {
        return give_up(refresh, value.message(), is_final_refusal(answer.status));
    }
    store_refreshed(refresh, *value);
}

// A connection that was made anew meanwhile keeps what it was given.
void OAuth2Tokens::store_refreshed(const RefreshPtr& refresh, const Json& value) {
    Json fresh_body = body_of(refresh->row);
    const std::string before = fresh_body["value"].dump();
    seal_value(ports_.secrets, refresh->row, fresh_body, value);
    const std::string sealed = fresh_body["value"].dump();
    ports_.store.change_entity(
        refresh->row.kind, refresh->row.scope, refresh->row.key,
        [before, sealed, now = ports_.clock.now_ms()](std::optional<EntityRow>& stored) {
            Json body = stored ? body_of(*stored) : Json::object();
            const Result<Json> envelope = Json::parse(sealed);
            if (body["value"].dump() != before || !envelope.ok()) {
                return false;
            }
            body.set("value", *envelope);
            body.set("status", Json::string("ACTIVE"));
            body.erase(kLease);
            stored->body = body.dump();
            stored->updated_ms = now;
            return true;
        },
        [this, refresh, value](const Result<std::optional<EntityRow>>& stored) {
            if (stored.ok()) {
                return end(refresh, value);
            }
            // It is good all the same, for whoever asks this engine.
            refresh->renewed = value;
            answer(*refresh, value);
            ports_.loop.after(kStoreAgainMs,
                              [this, refresh, value] { store_refreshed(refresh, value); });
        });
}

// A token that has not ended yet is used as long as it lasts, unless the provider refused for good.
void OAuth2Tokens::give_up(const RefreshPtr& refresh, const std::string& problem, bool final) {
    const std::string before = body_of(refresh->row)["value"].dump();
    ports_.store.change_entity(
        refresh->row.kind, refresh->row.scope, refresh->row.key,
        [before, final, now = ports_.clock.now_ms()](std::optional<EntityRow>& stored) {
            Json body = stored ? body_of(*stored) : Json::object();
            if (body["value"].dump() != before) {
                return false;
            }
            body.erase(kLease);
            if (final) {
                body.set("status", Json::string("ERROR"));
                stored->updated_ms = now;
            }
            stored->body = body.dump();
            return true;
        },
        [this, refresh, problem, final](const Result<std::optional<EntityRow>>& stored) {
            if (stored.ok() && !final && !has_ended(refresh->value, now_s())) {
                return end(refresh, refresh->value);
            }
            end(refresh, Error{with_name(refresh->row, problem)});
        });
}

void OAuth2Tokens::end(const RefreshPtr& refresh, const Result<Json>& value) {
    under_way_.erase(refresh->row.id);
    answer(*refresh, value);
}

void OAuth2Tokens::answer(Refresh& refresh, const Result<Json>& value) {
    const std::vector<Done> waiters = std::exchange(refresh.waiters, {});
    for (const Done& waiter : waiters) {
        waiter(value);
    }
}

}  // namespace sallyport::engine
