// Authentication at the gateway, for upstreams that have none (module/policy/auth_*.hpp, jwt.hpp).
//
//   sallyport_auth token file=PATH | jwt jwks=PATH iss=… aud=… | basic file=PATH | off
//   sallyport_auth_mode off|report|enforce
//
// Judged before `return` and `rewrite` can answer: a server's rule in POST_READ when no location of
// it has another, else the location's in REWRITE. Never in ACCESS, which `satisfy any` goes round.
// Preflights carry no credentials: one that CORS answers here is judged in PREACCESS, behind the answer,
// and refused there should none have come.
#include "common/bytes.hpp"
#include "module/nginx/auth_conf.hpp"
#include "module/nginx/feature.hpp"
#include "module/nginx/guard.hpp"
#include "module/nginx/levels.hpp"
#include "module/nginx/str.hpp"

#include <array>
#include <utility>

namespace sallyport::ngx {
namespace {

using policy::AuthOutcome;
using policy::Reason;

constexpr FeatureId kId = FeatureId::auth;
constexpr std::string_view kAuthorization = "authorization";
constexpr std::string_view kClaimPrefix = "sallyport_auth_claim_";
// How long a password that was right is not computed again.
constexpr std::int64_t kVerifiedMs = 300'000;
// One check takes some 25 ms: a tenth of a worker at most goes to guesses.
constexpr std::int64_t kPasswordsPerSecond = 4;
constexpr std::uint32_t kRetryAfterS = 1;
constexpr std::size_t kSubjectBytesMax = 256;

struct Field {
    std::string_view name;
    std::string_view value;
    bool twice = false;
};

struct AuthState {
    const AuthLevel* accepted = nullptr;
    AuthKind kind{};
    std::string_view subject;
    Json claims;
    // Fields taken from the request, for another location that asks after a redirect.
    std::array<Field, 4> taken{};
    std::size_t taken_count = 0;
    bool deferred = false;    // a preflight: not judged so far
    bool explaining = false;  // nobody sent the request: nothing is used up or remembered
};

struct Judgement {
    Reason reason = Reason::auth_missing;
    std::string_view subject{};
    Json claims{};
};

Field field_of(const Request& request, const AuthState& state, std::string_view name) {
    for (std::size_t i = 0; i < state.taken_count; ++i) {
        if (state.taken[i].name == name) {
            return state.taken[i];
        }
    }
    Field out{name, {}};
    out.twice = request_headers(request.r(), name, &out.value, 1) > 1;
    return out;
}

// The word behind the scheme; empty when the field has another scheme.
std::string_view behind_scheme(std::string_view value, std::string_view scheme) {
    if (value.size() <= scheme.size() || value[scheme.size()] != ' ' ||
        !ascii_iequals(value.substr(0, scheme.size()), scheme)) {
        return {};
    }
    return trim_ows(value.substr(scheme.size()));
}

Judgement judge_basic(AuthMain& main, const AuthSource& source, std::string_view text,
                      bool explaining) {
    const auto credentials = policy::parse_basic(text);
    if (!credentials) {
        return {Reason::auth_malformed};
    }
    if (explaining) {
        const AuthOutcome outcome = source.passwords.check(*credentials);
        return {outcome.reason, outcome.subject};
    }
    const auto mark = main.verified->mark(source.state, *credentials);
    const std::int64_t now = now_ms();
    if (main.verified->holds(mark, now)) {
        return {Reason::none, source.passwords.find(credentials->name)};
    }
    if (!main.budget->take(now)) {
        return {Reason::auth_overloaded};
    }
    const AuthOutcome outcome = source.passwords.check(*credentials);
    if (outcome.reason == Reason::none) {
        main.verified->remember(mark, now);
    }
    return {outcome.reason, outcome.subject};
}

Judgement judge(AuthMain& main, const AuthMethod& method, const Field& field, bool explaining) {
    if (field.twice) {
        return {Reason::auth_malformed};
    }
    const std::string_view text = !method.header.empty() ? trim_ows(field.value)
                                  : method.kind == AuthKind::basic
                                      ? behind_scheme(field.value, "basic")
                                      : behind_scheme(field.value, "bearer");
    if (text.empty()) {
        return {Reason::auth_missing};
    }
    const std::int64_t now_s = now_ms() / 1000;
    switch (method.kind) {
        case AuthKind::token: {
            const AuthOutcome outcome = method.source->tokens.check(text, now_s);
            return {outcome.reason, outcome.subject};
        }
        case AuthKind::jwt: {
            auto verified = policy::jwt::verify(method.source->keys, method.rules, text, now_s);
            return {verified.reason, {}, std::move(verified.claims)};
        }
        case AuthKind::basic:
            return judge_basic(main, *method.source, text, explaining);
    }
    return {};
}

// What says most about why nobody was let in: a refusal by a method that understood what came, then
// that nothing could be read, then that nothing came.
int weight(Reason reason) {
    return reason == Reason::auth_missing     ? 0
           : reason == Reason::auth_malformed ? 1
           : reason == Reason::auth_invalid   ? 2
                                              : 3;
}

std::string_view name_of(const AuthMethod& method) {
    return method.header.empty() ? kAuthorization : std::string_view(method.header);
}

void accept(Request& request, AuthState& state, const AuthLevel& level, const AuthMethod& method,
            Judgement& judgement) {
    state.accepted = &level;
    state.kind = method.kind;
    state.claims = std::move(judgement.claims);
    state.subject = {};
    if (method.kind == AuthKind::jwt) {
        const auto text = policy::jwt::claim_text(state.claims["sub"]);
        if (text && text->size() <= kSubjectBytesMax) {
            state.subject = keep(request.r(), *text);
        }
    } else {
        // The table may change while the request lives.
        state.subject = keep(request.r(), judgement.subject);
    }
}

// The upstream has no use for a credential that was for us.
void take_away(const Request& request, AuthState& state, const AuthMethod& method,
               const Field& field) {
    if (method.pass_on) {
        return;
    }
    if (state.taken_count < state.taken.size()) {
        bool known = false;
        for (std::size_t i = 0; i < state.taken_count; ++i) {
            known = known || state.taken[i].name == field.name;
        }
        if (!known) {
            state.taken[state.taken_count++] = field;
        }
    }
    strip_request_header(request.r(), field.name);
}

void challenge(const Request& request, const AuthLevel& level, Reason reason) {
    for (const AuthMethod& method : level.methods) {
        add_header(request.r(), "WWW-Authenticate",
                   reason == Reason::auth_missing ? method.challenge : method.challenge_again);
    }
}

HookResult ask(Request& request, const AuthLocation& location) {
    const policy::Mode mode = request.mode(location.mode);
    if (location.level == nullptr || mode == policy::Mode::off) {
        return HookResult::pass();
    }
    auto& state = request.feature_state<AuthState>(kId);
    if (state.accepted == location.level) {
        return HookResult::pass();
    }
    Reason reason = Reason::auth_missing;
    std::string_view rule = word(location.level->methods.front().kind);
    for (const AuthMethod& method : location.level->methods) {
        const Field field = field_of(request, state, name_of(method));
        Judgement judgement = judge(*location.main, method, field, state.explaining);
        if (judgement.reason == Reason::none) {
            accept(request, state, *location.level, method, judgement);
            if (mode == policy::Mode::enforce) {
                take_away(request, state, method, field);
            }
            return HookResult::pass();
        }
        if (weight(judgement.reason) > weight(reason)) {
            reason = judgement.reason;
            rule = word(method.kind);
        }
    }
    if (reason == Reason::auth_overloaded) {
        return HookResult::decided(
            policy::Decision::deny(reason, NGX_HTTP_TOO_MANY_REQUESTS, kRetryAfterS), mode, rule);
    }
    if (mode == policy::Mode::enforce) {
        challenge(request, *location.level, reason);
    }
    return HookResult::decided(policy::Decision::deny(reason, NGX_HTTP_UNAUTHORIZED), mode, rule);
}

// `ask`, unless the request is a preflight that somebody else is about to answer.
HookResult ask_or_defer(Request& request, const AuthLocation& location) {
    const bool asks = location.level != nullptr && request.mode(location.mode) != policy::Mode::off;
    if (!asks || !request.state().preflight) {
        return ask(request, location);
    }
    request.feature_state<AuthState>(kId).deferred = true;
    request.state().credentials_deferred = true;
    return HookResult::pass();
}

HookResult post_read(Request& request, const void* location_conf) {
    const auto& location = *static_cast<const AuthLocation*>(location_conf);
    return location.overridden ? HookResult::pass() : ask_or_defer(request, location);
}

HookResult rewrite(Request& request, const void* location_conf) {
    const auto& location = *static_cast<const AuthLocation*>(location_conf);
    // What POST_READ judged for the whole server is not judged (or reported) again.
    if (!location.server->overridden) {
        const auto* state = request.find_feature_state<AuthState>(kId);
        const bool waits = state != nullptr && state->deferred;
        return waits ? ask_or_defer(request, location) : HookResult::pass();
    }
    return ask_or_defer(request, location);
}

// Behind the CORS answer: nobody answered the preflight after all.
HookResult preaccess(Request& request, const void* location_conf) {
    auto* state = request.find_feature_state<AuthState>(kId);
    if (state == nullptr || !state->deferred) {
        return HookResult::pass();
    }
    state->deferred = false;
    return ask(request, *static_cast<const AuthLocation*>(location_conf));
}

HookResult explain(Request& request, const void* location_conf, Stage stage, Json& facts) {
    auto& state = request.feature_state<AuthState>(kId);
    state.explaining = true;
    const HookResult result = stage == Stage::server     ? post_read(request, location_conf)
                              : stage == Stage::location ? rewrite(request, location_conf)
                              : stage == Stage::counting ? preaccess(request, location_conf)
                                                         : HookResult::pass();
    const AuthLevel* level = static_cast<const AuthLocation*>(location_conf)->level;
    if (stage == Stage::location && level != nullptr) {
        Json methods = Json::array();
        for (const AuthMethod& method : level->methods) {
            methods.append(Json::string(word(method.kind)));
        }
        const bool accepted = state.accepted == level;
        facts.append(Json::object(
            {{"methods", methods},
             {"accepted", accepted ? Json::string(word(state.kind)) : Json::null()},
             {"subject", accepted ? Json::string(state.subject) : Json::null()},
             {"preflight", Json::boolean(state.deferred)}}));
    }
    return result;
}

Status merge(ngx_conf_t* cf, const void* parent_conf, void* child_conf) {
    const auto& parent = *static_cast<const AuthLocation*>(parent_conf);
    auto& child = *static_cast<AuthLocation*>(child_conf);
    child.mode = child.mode ? child.mode : parent.mode;
    child.own = child.own ? child.own : parent.own;
    child.level = child.own.value_or(nullptr);
    child.main = static_cast<AuthMain*>(feature_main(cf, kId));
    child.server_level = is_server_level(cf, kId, child_conf);
    const policy::Mode mode = level_mode(cf, child.mode);
    if (child.server_level) {
        child.server = &child;
        child.server_mode = mode;
    } else {
        AuthLocation& server = *parent.server;
        child.server = &server;
        server.overridden =
            server.overridden || child.level != server.level || mode != server.server_mode;
    }
    return child.level != nullptr && mode == policy::Mode::enforce
               ? check_error_pages(cf, NGX_HTTP_UNAUTHORIZED)
               : Status(Done{});
}

bool active(const void* location_conf) {
    return static_cast<const AuthLocation*>(location_conf)->level != nullptr;
}

Status init_process(ngx_cycle_t* cycle, void* main_conf) {
    auto* main = static_cast<AuthMain*>(main_conf);
    if (main->sources.empty()) {
        return Done{};
    }
    main->verified.emplace(Secret(random_bytes(32)), kVerifiedMs);
    main->budget.emplace(kPasswordsPerSecond);
    for (const auto& source : main->sources) {
        source->file->watch(cycle);
    }
    return Done{};
}

AuthState* accepted_state(const Request& request) {
    auto* state = request.find_feature_state<AuthState>(kId);
    return state != nullptr && state->accepted != nullptr ? state : nullptr;
}

std::string_view get_subject(Request& request) {
    const AuthState* state = accepted_state(request);
    return state == nullptr ? std::string_view() : state->subject;
}

std::string_view get_method(Request& request) {
    const AuthState* state = accepted_state(request);
    return state == nullptr ? std::string_view() : word(state->kind);
}

// $sallyport_auth_claim_<name>; nginx gives a prefix variable its whole name.
ngx_int_t get_claim(ngx_http_request_t* r, ngx_http_variable_value_t* value,
                    uintptr_t data) noexcept {
    return guarded(r->connection->log, "claim variable", ngx_int_t{NGX_ERROR}, [&]() -> ngx_int_t {
        const std::string_view name = view(*reinterpret_cast<const ngx_str_t*>(data));
        const Request request(r);
        const AuthState* state = accepted_state(request);
        *value = {};
        value->no_cacheable = 1;
        value->not_found = 1;
        if (state == nullptr || name.size() <= kClaimPrefix.size()) {
            return NGX_OK;
        }
        const auto text = policy::jwt::claim_text(
            policy::jwt::find_claim(state->claims, name.substr(kClaimPrefix.size())));
        if (text) {
            const ngx_str_t kept = copy(r->pool, *text);
            value->not_found = 0;
            value->valid = 1;
            value->len = static_cast<unsigned>(kept.len) & 0xfffffffU;
            value->data = kept.data;
        }
        return NGX_OK;
    });
}

Status add_claim_variable(ngx_conf_t* cf) {
    ngx_str_t name = borrow(kClaimPrefix);
    ngx_http_variable_t* variable = ngx_http_add_variable(
        cf, &name, NGX_HTTP_VAR_NOCACHEABLE | NGX_HTTP_VAR_CHANGEABLE | NGX_HTTP_VAR_PREFIX);
    if (variable == nullptr) {
        return Error{"the variables $sallyport_auth_claim_… cannot be added"};
    }
    variable->get_handler = get_claim;
    return Done{};
}

Status ready(void* main_conf) {
    for (const auto& source : static_cast<const AuthMain*>(main_conf)->sources) {
        const Status status = source->file->state();
        if (!status.ok()) {
            return status;
        }
    }
    return Done{};
}

constexpr Variable kVariables[] = {
    {"sallyport_auth_subject", get_subject},
    {"sallyport_auth_method", get_method},
};

}  // namespace

const Feature kAuth = {
    .id = kId,
    .name = "auth",
    .directives = kAuthDirectives,
    .variables = kVariables,
    .preconfiguration = add_claim_variable,
    .create_main = [](ngx_pool_t* pool) -> void* { return pool_new<AuthMain>(pool); },
    .create_location = [](ngx_pool_t* pool) -> void* { return pool_new<AuthLocation>(pool); },
    .merge_location = merge,
    .init_process = init_process,
    .active = active,
    .post_read = post_read,
    .rewrite = rewrite,
    .preaccess = preaccess,
    .explain = explain,
    .ready = ready,
};

}  // namespace sallyport::ngx
