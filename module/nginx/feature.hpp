// A feature as data: everything module.cpp needs to assemble it, and nothing nginx calls directly.
//
// Each <name>_glue.cpp defines one `const Feature`. module.cpp lists them in the order in which
// they are asked. Hooks may throw: they run inside the exception wall, where a failure refuses the
// request.
#pragma once

#include "common/result.hpp"
#include "module/nginx/control.hpp"
#include "module/nginx/directive.hpp"
#include "module/nginx/fixed_fields.hpp"
#include "module/nginx/request.hpp"
#include "module/policy/metrics.hpp"

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

namespace sallyport::ngx {

// What a hook of an enforcing phase says.
struct HookResult {
    enum class Kind : std::uint8_t {
        pass,      // nothing to say: ask the next feature
        decided,   // `decision` under `mode`, because of `rule`
        suspend,   // the feature has taken the request on and calls `resume` later
        finished,  // the feature has finalized the request itself; the request must not be touched
    };
    Kind kind = Kind::pass;
    policy::Mode mode = policy::Mode::enforce;
    policy::Decision decision{};
    std::string_view
        rule{};  // the name of the limit, list or profile; lives as long as the request

    static HookResult pass() { return {}; }
    static HookResult suspend() { return {.kind = Kind::suspend}; }
    static HookResult finished() { return {.kind = Kind::finished}; }
    static HookResult decided(policy::Decision decision, policy::Mode mode, std::string_view rule) {
        return {Kind::decided, mode, decision, rule};
    }
};

// Where a request stands when a feature is asked what it would do.
enum class Stage : std::uint8_t {
    server,    // post_read, with the server's configuration
    location,  // rewrite
    counting,  // preaccess
    response,  // header_filter
};

// Which requests a hook may have something to say about.
enum class Speaks : std::uint8_t { never, over_tls, in_clear, of_options, always };

constexpr Speaks speaks_if(bool something) {
    return something ? Speaks::always : Speaks::never;
}

struct Variable {
    const char* name;  // without the dollar sign
    // Empty: the variable is not set. The view must live as long as the request.
    std::string_view (*get)(Request&);
};

struct Feature {
    FeatureId id;
    std::string_view name;  // the word in decision lines
    std::span<const Directive> directives;
    std::span<const Variable> variables{};

    // Before the configuration is read, for variables that a table cannot say.
    Status (*preconfiguration)(ngx_conf_t* cf) = nullptr;
    // Configuration objects live in `pool` (use pool_new). Null: the feature needs none.
    void* (*create_main)(ngx_pool_t* pool) = nullptr;
    void* (*create_location)(ngx_pool_t* pool) = nullptr;
    // `parent` is the enclosing level's. Called for every server and location.
    Status (*merge_location)(ngx_conf_t* cf, const void* parent, void* child) = nullptr;
    // After the whole http block was read. `main` may be null.
    Status (*postconfiguration)(ngx_conf_t* cf, void* main) = nullptr;
    // The master (or the one process) has made a new cycle and is about to start its workers.
    Status (*init_cycle)(ngx_cycle_t* cycle, void* main) = nullptr;
    // A worker starts and ends. Not called in nginx's helper processes.
    Status (*init_process)(ngx_cycle_t* cycle, void* main) = nullptr;
    void (*exit_process)(ngx_cycle_t* cycle, void* main) = nullptr;

    // True when `location` makes this feature act; decides whether the hooks below are asked at
    // all.
    bool (*active)(const void* location) = nullptr;
    // About which requests the hook of that stage (server, location or counting) may have something
    // to say in this active location: it is not asked about others. Called when the whole
    // configuration was read. Null: every hook there is is always asked.
    Speaks (*speaks)(const void* location, Stage) = nullptr;

    // Server level, before `rewrite` and `return` can answer. `location` is the server's.
    HookResult (*post_read)(Request&, const void* location) = nullptr;
    // Location level, before nginx's rewrite module.
    HookResult (*rewrite)(Request&, const void* location) = nullptr;
    // What counts or reads bodies. Asked again after `resume` until it stops saying suspend.
    HookResult (*preaccess)(Request&, const void* location) = nullptr;
    // Every response of an active location, refusals and nginx's own errors included. What stands
    // ready goes into `last`, where a later feature that replaces such a field must know of it.
    void (*header_filter)(Request&, const void* location, LastFields& last) = nullptr;
    // Request body buffers as they arrive, before anything is stored. Errors refuse the request
    // with the HTTP status returned; 0 goes on.
    int (*request_body_filter)(Request&, const void* location, ngx_chain_t* in) = nullptr;
    // The log phase of a main request that ended with 400 or above, or that a feature settled
    // (whatever an error page made of it; an answer that is no refusal as well); runs once.
    void (*failure)(Request&, const void* location) = nullptr;

    // What the hook of that stage would say about a request that nobody sent: nothing is counted,
    // reserved, read or sent, and the request's connection is not a real one. `facts` is a JSON
    // array for what an operator wants to know beside the decision. Null: the feature is not
    // explained.
    HookResult (*explain)(Request&, const void* location, Stage, Json& facts) = nullptr;

    // What the control location (sallyport_control) serves of this feature; `main` may be null.
    std::span<const ControlRoute> routes{};
    // Measurements for /status and /metrics. Label values come from the configuration, never from a
    // client.
    void (*inspect)(policy::Metrics&, void* main) = nullptr;
    // For /ready: what keeps the feature from doing its work.
    Status (*ready)(void* main) = nullptr;
};

// Whether the feature has a hook of that stage at all.
inline bool has_hook(const Feature& feature, Stage stage) {
    switch (stage) {
        case Stage::server:
            return feature.post_read != nullptr;
        case Stage::location:
            return feature.rewrite != nullptr;
        case Stage::counting:
            return feature.preaccess != nullptr;
        case Stage::response:
            break;
    }
    return feature.header_filter != nullptr;
}

// The feature's main configuration while a configuration is read (null when it has none).
void* feature_main(ngx_conf_t* cf, FeatureId id);
// The same for a running worker.
void* feature_main(ngx_cycle_t* cycle, FeatureId id);
// While explain hooks run: the feature's main configuration (null when it has none), and the body
// that the operator described (none: the body is not known).
void* explained_main(FeatureId id);
std::optional<std::string_view> explained_body();
// The feature's configuration of the location that a request is in.
void* feature_location(ngx_http_request_t* r, FeatureId id);
// Whether one of these acts in the location that a request is in.
bool acts(ngx_http_request_t* r, std::initializer_list<FeatureId> features);
// Another feature's configuration of the level that is being merged; features are merged in order.
void* feature_location(ngx_conf_t* cf, FeatureId id);
// The feature's configuration of a server, for checks in postconfiguration.
void* feature_server(ngx_http_core_srv_conf_t* server, FeatureId id);

extern const Feature kBan;
extern const Feature kAuth;
extern const Feature kControl;
extern const Feature kCors;
extern const Feature kBodyLimit;
extern const Feature kClientAddress;
extern const Feature kGatewayVerdict;
extern const Feature kHttps;
extern const Feature kIpList;
extern const Feature kRateLimit;
extern const Feature kRedact;
extern const Feature kRedis;
extern const Feature kRequestRules;
extern const Feature kSecurityHeaders;
extern const Feature kTlsPolicy;
extern const Feature kWebhook;
extern const Feature kWebhookSpool;

}  // namespace sallyport::ngx
