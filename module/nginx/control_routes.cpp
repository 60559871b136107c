// What every control location serves: health, readiness, status and metrics.
#include "module/nginx/control_conf.hpp"
#include "module/nginx/explain.hpp"
#include "module/nginx/module.hpp"
#include "module/nginx/str.hpp"

namespace sallyport::ngx {
namespace {

ngx_cycle_t* cycle() {
    return const_cast<ngx_cycle_t*>(ngx_cycle);
}

bool is_leaving() {
    return ngx_exiting != 0 || ngx_quit != 0 || ngx_terminate != 0;
}

ControlReply health(ControlCall&) {
    return ControlReply::ok(Json::object({{"status", Json::string("ok")}}));
}

// What keeps the gateway from doing its work, by feature; an empty object when nothing does.
Json obstacles() {
    Json out = Json::object();
    for (const Feature* feature : features()) {
        if (feature->ready == nullptr) {
            continue;
        }
        const Status status = feature->ready(feature_main(cycle(), feature->id));
        if (!status) {
            out.set(feature->name, Json::string(status.message()));
        }
    }
    if (is_leaving()) {
        out.set("worker", Json::string("is shutting down"));
    }
    return out;
}

ControlReply ready(ControlCall& call) {
    const Json missing = obstacles();
    Json body =
        Json::object({{"status", Json::string(missing.size() == 0 ? "ready" : "not ready")}});
    const auto request = Request::find(call.r);
    const auto* state = request->find_feature_state<ControlState>(FeatureId::control);
    if (missing.size() != 0 && !state->health_only) {
        body.set("missing", missing);  // not for whoever has shown no credential
    }
    return {static_cast<std::uint16_t>(missing.size() == 0 ? 200 : 503), body, {}};
}

policy::Metrics measure(void* main_conf) {
    policy::Metrics out;
    static_cast<const ControlMain*>(main_conf)->counters->report(out);
    for (const Feature* feature : features()) {
        if (feature->inspect != nullptr) {
            feature->inspect(out, feature_main(cycle(), feature->id));
        }
    }
    out.gauge("sallyport_ready", "1 while the gateway can do all its work.", {},
              obstacles().size() == 0 ? 1 : 0);
    out.gauge("sallyport_info", "The running version.", {{"version", SALLYPORT_VERSION}}, 1);
    return out;
}

ControlReply metrics(ControlCall& call) {
    return {200, {}, measure(call.main).prometheus()};
}

Json used_features() {
    Json out = Json::array();
    const FeatureMask used = running_features(cycle());
    for (std::size_t i = 0; i < kFeatureCount; ++i) {
        if (used >> i & 1) {
            out.append(Json::string(features()[i]->name));
        }
    }
    return out;
}

ControlReply status(ControlCall& call) {
    const auto& counters = *static_cast<const ControlMain*>(call.main)->counters;
    const auto* core =
        reinterpret_cast<const ngx_core_conf_t*>(ngx_get_conf(cycle()->conf_ctx, ngx_core_module));
    const Json missing = obstacles();
    return ControlReply::ok(Json::object({
        {"version", Json::string(SALLYPORT_VERSION)},
        {"nginx", Json::string(NGINX_VERSION)},
        {"pid", Json::integer(ngx_pid)},
        {"workers", Json::integer(core->worker_processes)},
        {"started_ms", Json::integer(counters.started_ms())},
        {"loaded_ms", Json::integer(counters.loaded_ms())},
        {"generation", Json::integer(static_cast<std::int64_t>(counters.generation()))},
        {"ready", Json::boolean(missing.size() == 0)},
        {"missing", missing},
        {"features", used_features()},
        {"measurements", measure(call.main).json()},
    }));
}

ControlReply explain_request(ControlCall& call) {
    const auto answer = explain(cycle(), call.r->connection->log, call.body);
    return answer ? ControlReply::ok(*answer) : ControlReply::error(400, answer.message());
}

constexpr ControlRoute kRoutes[] = {
    {"GET", "/health", health},
    {"GET", "/ready", ready},
    {"GET", "/status", status},
    {"GET", "/metrics", metrics},
    {"POST", "/explain", explain_request},
};

}  // namespace

std::span<const ControlRoute> control_routes() {
    return kRoutes;
}

}  // namespace sallyport::ngx
