// Limits of the request body by media type (module/policy/body_limit.hpp).
//
//   sallyport_body_limit off | json=SIZE form=SIZE multipart=SIZE default=SIZE   http, server,
//   location sallyport_body_limit_mode off|report|enforce                                http,
//   server, location
//
// A length that is announced is judged in PREACCESS, before the client is invited to send anything;
// what comes is counted in the request body filter, whatever was announced.
#include "module/nginx/feature.hpp"
#include "module/nginx/levels.hpp"
#include "module/nginx/str.hpp"
#include "module/policy/body_limit.hpp"

#include <array>
#include <string>

namespace sallyport::ngx {
namespace {

using policy::BodyKind;
using policy::BodyLimits;
using policy::Decision;
using policy::Mode;

constexpr FeatureId kId = FeatureId::body_limit;

struct BodyLocation {
    std::optional<std::optional<BodyLimits>> limits;  // set: this level decided; inner: not off
    std::optional<Mode> mode;
};

struct Limit {
    std::uint64_t bytes = 0;
    std::string_view rule{};
};

// Made for requests whose body is read while a limit applies.
struct BodyState {
    std::uint64_t received = 0;
    bool found = false;    // one finding a request is enough
    bool refused = false;  // by one that is enforced
    // The smallest of the locations that the request has reached: the body may be read by another
    // one (try_files, error_page).
    std::optional<Limit> enforced{};
    std::optional<Limit> reported{};
};

Status set_limit(DirectiveCall& call) {
    auto* location = static_cast<BodyLocation*>(call.location);
    if (location->limits) {
        return Error{"is given twice at the same level; keep one"};
    }
    if (call.size() == 1 && call.arg(0) == "off") {
        location->limits.emplace(std::nullopt);
        return Done{};
    }
    std::array<std::string_view, policy::kBodyKinds> words{};
    if (call.size() > words.size()) {
        return Error{"\"" + std::string(call.arg(words.size())) +
                     "\" is one parameter too many; each kind of body stands once"};
    }
    for (std::size_t i = 0; i < call.size(); ++i) {
        words[i] = call.arg(i);
    }
    const auto limits = BodyLimits::parse(std::span(words).first(call.size()));
    if (!limits) {
        return limits.error();
    }
    location->limits.emplace(*limits);
    return Done{};
}

constexpr Directive kDirectives[] = {
    {"sallyport_body_limit", kEverywhere | NGX_CONF_1MORE, set_limit},
    {"sallyport_body_limit_mode", kEverywhere | NGX_CONF_TAKE1, set_mode<BodyLocation>},
};

bool applies(const BodyLocation& location) {
    return location.limits && *location.limits;
}

// nginx's own limit is judged first and knows no media types.
void warn_about_own_limit(ngx_conf_t* cf, const BodyLimits& limits) {
    const auto* core = static_cast<const ngx_http_core_loc_conf_t*>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
    const auto own = static_cast<std::uint64_t>(core->client_max_body_size);
    if (own != 0 && own < limits.largest()) {
        warn(cf, "\"sallyport_body_limit\" allows " + std::to_string(limits.largest()) +
                     " bytes, but \"client_max_body_size\" is " + std::to_string(own) +
                     " here and refuses first; raise it");
    }
}

Status merge(ngx_conf_t* cf, const void* parent_conf, void* child_conf) {
    const auto& parent = *static_cast<const BodyLocation*>(parent_conf);
    auto& child = *static_cast<BodyLocation*>(child_conf);
    const bool own = child.limits.has_value() || is_server_level(cf, kId, child_conf);
    child.limits = child.limits ? child.limits : parent.limits;
    child.mode = child.mode ? child.mode : parent.mode;
    if (!applies(child)) {
        return Done{};
    }
    if (own) {
        warn_about_own_limit(cf, **child.limits);
    }
    return level_mode(cf, child.mode) == Mode::enforce
               ? check_error_pages(cf, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE)
               : Status(Done{});
}

bool active(const void* location) {
    return applies(*static_cast<const BodyLocation*>(location));
}

// Who sends two media types gets the smallest limit of all.
Limit limit_of(ngx_http_request_t* r, const BodyLimits& limits) {
    std::array<std::string_view, 1> type{};
    const std::size_t count = request_headers(r, "content-type", type.data(), type.size());
    if (count > 1) {
        return {limits.smallest(), word(BodyKind::other)};
    }
    const BodyKind kind = policy::body_kind(type[0]);
    return {limits.bytes(kind), word(kind)};
}

// A body whose length nobody has announced is judged while it comes, wherever it is read.
void keep_for_body(Request& request, const BodyLocation& location) {
    const ngx_http_request_t* r = request.r();
    const Mode mode = request.mode(location.mode);
    if (mode == Mode::off || r->headers_in.content_length_n >= 0 ||
        (r->headers_in.chunked == 0 && r->http_version < NGX_HTTP_VERSION_20)) {
        return;
    }
    auto& state = request.feature_state<BodyState>(kId);
    const Limit limit = limit_of(request.r(), **location.limits);
    std::optional<Limit>& kept = mode == Mode::enforce ? state.enforced : state.reported;
    if (!kept || limit.bytes < kept->bytes) {
        kept = limit;
        request.state().body_mask |= FeatureMask{1} << static_cast<unsigned>(kId);
    }
}

HookResult preaccess(Request& request, const void* location_conf) {
    ngx_http_request_t* r = request.r();
    keep_for_body(request, *static_cast<const BodyLocation*>(location_conf));
    // Known when announced, and when the body has been read already (an internal redirect).
    if (r->headers_in.content_length_n <= 0) {
        return HookResult::pass();
    }
    const auto& location = *static_cast<const BodyLocation*>(location_conf);
    const Mode mode = request.mode(location.mode);
    if (mode == Mode::off) {
        return HookResult::pass();
    }
    const Limit limit = limit_of(r, **location.limits);
    const Decision decision = policy::decide_body(
        static_cast<std::uint64_t>(r->headers_in.content_length_n), limit.bytes);
    if (decision.verdict == policy::Verdict::allow) {
        return HookResult::pass();
    }
    auto& state = request.feature_state<BodyState>(kId);
    state.found = true;
    if (mode == Mode::enforce) {
        state.refused = true;
        // Who waits for an invitation gets none and is done; what others send all the same is not
        // the next request.
        r->lingering_close = r->headers_in.expect == nullptr ? 1 : 0;
        r->expect_tested = 1;
        r->keepalive = 0;
    }
    return HookResult::decided(decision, mode, limit.rule);
}

int judge_received(Request& request, BodyState& state, const std::optional<Limit>& limit,
                   Mode mode) {
    if (!limit || state.refused || (mode == Mode::report && state.found)) {
        return 0;
    }
    const Decision decision = policy::decide_body(state.received, limit->bytes);
    if (decision.verdict == policy::Verdict::allow) {
        return 0;
    }
    state.found = true;
    state.refused = mode == Mode::enforce;
    // nginx itself ends the request with the status; log and variables learn why from here.
    request.state().record({kId, mode, decision, limit->rule});
    return mode == Mode::enforce ? decision.status : 0;
}

int request_body_filter(Request& request, const void* location_conf, ngx_chain_t* in) {
    auto& state = request.feature_state<BodyState>(kId);
    for (const ngx_chain_t* link = in; link != nullptr; link = link->next) {
        if (ngx_buf_in_memory(link->buf)) {
            state.received += static_cast<std::uint64_t>(link->buf->last - link->buf->pos);
        }
    }
    const auto& own = *static_cast<const BodyLocation*>(location_conf);
    const Mode mode = applies(own) ? request.mode(own.mode) : Mode::off;
    int status = judge_received(request, state, state.enforced, Mode::enforce);
    if (status == 0 && mode != Mode::off) {
        status = judge_received(request, state, limit_of(request.r(), **own.limits), mode);
    }
    return status != 0 ? status : judge_received(request, state, state.reported, Mode::report);
}

HookResult explain(Request& request, const void* location_conf, Stage stage, Json& facts) {
    if (stage != Stage::counting) {
        return HookResult::pass();
    }
    const auto& location = *static_cast<const BodyLocation*>(location_conf);
    const Mode mode = request.mode(location.mode);
    if (mode == Mode::off) {
        return HookResult::pass();
    }
    const Limit limit = limit_of(request.r(), **location.limits);
    facts.append(Json::object({{"type", Json::string(limit.rule)},
                               {"bytes", Json::integer(static_cast<std::int64_t>(limit.bytes))}}));
    // What is announced counts, or what was described.
    const HookResult announced = preaccess(request, location_conf);
    const auto body = explained_body();
    if (announced.kind == HookResult::Kind::decided || !body) {
        return announced;
    }
    const Decision decision = policy::decide_body(body->size(), limit.bytes);
    return decision.verdict == policy::Verdict::allow
               ? HookResult::pass()
               : HookResult::decided(decision, mode, limit.rule);
}

}  // namespace

const Feature kBodyLimit = {
    .id = kId,
    .name = "body_limit",
    .directives = kDirectives,
    .create_location = [](ngx_pool_t* pool) -> void* { return pool_new<BodyLocation>(pool); },
    .merge_location = merge,
    .active = active,
    .preaccess = preaccess,
    .request_body_filter = request_body_filter,
    .explain = explain,
};

}  // namespace sallyport::ngx
