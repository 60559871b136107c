// The signed verdict for the upstream: any inbound X-Sallyport-* field is removed, and where asked
// one signed field is added (common/contract.hpp).
//
//   sallyport_verdict secret_file=PATH | off
#include "common/contract.hpp"
#include "module/nginx/feature.hpp"
#include "module/nginx/key_file.hpp"
#include "module/nginx/str.hpp"

#include <string>

namespace sallyport::ngx {
namespace {

struct VerdictMain {
    bool any = false;  // some location signs: then inbound fields are removed everywhere
};

struct VerdictLocation {
    std::optional<const HmacKey*> key;  // set: this level decided; null: off
    const VerdictMain* main = nullptr;
};

struct VerdictState {
    ngx_table_elt_t* field = nullptr;
};

Status set_verdict(DirectiveCall& call) {
    auto* location = static_cast<VerdictLocation*>(call.location);
    if (location->key) {
        return Error{"is given twice at the same level; keep one"};
    }
    if (call.arg(0) == "off") {
        location->key = nullptr;
        return Done{};
    }
    const auto path = option(call.arg(0), "secret_file");
    if (!path || path->empty()) {
        return Error{"unknown parameter \"" + std::string(call.arg(0)) +
                     "\"; write secret_file=PATH or off"};
    }
    const auto secret = read_key_file(call.cf, *path);
    if (!secret) {
        return secret.error();
    }
    location->key = pool_new<HmacKey>(call.cf->pool, contract::verdict_key(*secret));
    static_cast<VerdictMain*>(call.main)->any = true;
    return Done{};
}

constexpr Directive kDirectives[] = {
    {"sallyport_verdict", kEverywhere | NGX_CONF_TAKE1, set_verdict},
};

Status merge(ngx_conf_t* cf, const void* parent_conf, void* child_conf) {
    const auto& parent = *static_cast<const VerdictLocation*>(parent_conf);
    auto& child = *static_cast<VerdictLocation*>(child_conf);
    child.key = child.key ? child.key : parent.key;
    child.main = static_cast<const VerdictMain*>(feature_main(cf, FeatureId::gateway_verdict));
    return Done{};
}

bool active(const void* location) {
    return static_cast<const VerdictLocation*>(location)->main->any;
}

HookResult post_read(Request& request, const void*) {
    strip_request_headers(request.r(), contract::kHeaderPrefix);
    return HookResult::pass();
}

HookResult preaccess(Request& request, const void* location_conf) {
    const auto& location = *static_cast<const VerdictLocation*>(location_conf);
    if (location.key.value_or(nullptr) == nullptr) {
        return HookResult::pass();
    }
    const ngx_http_request_t* r = request.r();
    contract::GatewayVerdict verdict;
    verdict.time_s = now_ms() / 1000;
    verdict.client_address = request.client_text();
    verdict.scheme = request.is_https() ? "https" : "http";
    verdict.method = view(r->method_name);
    // The target informs the engine's log; a very long one must not make the field unreadable.
    verdict.target = view(r->unparsed_uri).substr(0, 512);
    verdict.delivery_id = request.state().delivery_id;
    const std::string_view policy = request.state().verified_by;
    verdict.policy = policy.empty() ? "-" : policy;
    const std::string_view text =
        keep(request.r(), contract::sign_verdict(verdict, **location.key));

    auto& state = request.feature_state<VerdictState>(FeatureId::gateway_verdict);
    if (state.field == nullptr) {
        state.field = push_request_header(request.r(), contract::kVerdictHeader, text);
    } else {
        state.field->value = borrow(text);
    }
    return HookResult::pass();
}

HookResult explain(Request& request, const void* location_conf, Stage stage, Json& facts) {
    if (stage == Stage::server) {
        return post_read(request, location_conf);
    }
    const auto& location = *static_cast<const VerdictLocation*>(location_conf);
    if (stage == Stage::counting) {
        facts.append(
            Json::object({{"signs", Json::boolean(location.key.value_or(nullptr) != nullptr)}}));
    }
    return HookResult::pass();
}

}  // namespace

const Feature kGatewayVerdict = {
    .id = FeatureId::gateway_verdict,
    .name = "gateway_verdict",
    .directives = kDirectives,
    .create_main = [](ngx_pool_t* pool) -> void* { return pool_new<VerdictMain>(pool); },
    .create_location = [](ngx_pool_t* pool) -> void* { return pool_new<VerdictLocation>(pool); },
    .merge_location = merge,
    .active = active,
    .post_read = post_read,
    .preaccess = preaccess,
    .explain = explain,
};

}  // namespace sallyport::ngx
