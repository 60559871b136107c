#include "module/nginx/phases.hpp"

#include "module/nginx/counters.hpp"
#include "module/nginx/decision_log.hpp"
#include "module/nginx/guard.hpp"
#include "module/nginx/refusal.hpp"
#include "module/nginx/str.hpp"

#include <array>

namespace sallyport::ngx {
namespace {

ngx_http_request_body_filter_pt next_request_body_filter;

// The hooks of a stage side by side, by feature: a request looks at nothing else of one.
template <typename Hook>
using Hooks = std::array<Hook, kFeatureCount>;
using Judge = HookResult (*)(Request&, const void*);
using Note = void (*)(Request&, const void*);
using Filter = int (*)(Request&, const void*, ngx_chain_t*);
struct {
    Hooks<Judge> post_read;
    Hooks<Judge> rewrite;
    Hooks<Judge> preaccess;
    Hooks<Filter> request_body_filter;
    Hooks<Note> failure;
} hooks;

void collect_hooks() {
    for (std::size_t i = 0; i < kFeatureCount; ++i) {
        const Feature& feature = *features()[i];
        hooks.post_read[i] = feature.post_read;
        hooks.rewrite[i] = feature.rewrite;
        hooks.preaccess[i] = feature.preaccess;
        hooks.request_body_filter[i] = feature.request_body_filter;
        hooks.failure[i] = feature.failure;
    }
}

// Outcome of asking features: go on, or what the phase handler must return.
constexpr ngx_int_t kGoOn = NGX_DECLINED;

ngx_int_t apply(Request& request, FeatureId feature, const HookResult& result) {
    if (result.decision.verdict == policy::Verdict::allow || result.mode == policy::Mode::off) {
        return kGoOn;
    }
    request.state().record({feature, result.mode, result.decision, result.rule});
    return result.mode == policy::Mode::enforce ? refuse(request, result.decision) : kGoOn;
}

// Internal trouble refuses: the wall's on_error for every phase.
constexpr ngx_int_t kOnError = NGX_HTTP_INTERNAL_SERVER_ERROR;

// Runs a phase's body inside the wall; what fails there is refused and recorded as such. Recording
// allocates nothing, so that it works when memory was the trouble.
template <typename Body>
ngx_int_t judged(ngx_http_request_t* r, const char* phase, Body&& body) noexcept {
    bool failed = true;
    const ngx_int_t rc = guarded(r->connection->log, phase, kOnError, [&] {
        const ngx_int_t outcome = body();
        failed = false;
        return outcome;
    });
    if (failed) {
        guarded(r->connection->log, phase, [&] {
            if (const auto request = Request::find(r)) {
                RequestState& state = request->state();
                state.record({state.asking, policy::Mode::enforce,
                              policy::Decision::deny(policy::Reason::internal_error,
                                                     NGX_HTTP_INTERNAL_SERVER_ERROR),
                              phase});
            }
        });
    }
    return rc;
}

// A request that was refused already is on its way to an error page: it must not be judged again.
bool settled(const Request& request) {
    return request.enforced() != nullptr;
}

[[gnu::hot]] ngx_int_t ask(Request& request, const LocationConf& location, FeatureMask mask,
                           const Hooks<Judge>& judges) {
    for (; mask != 0; mask = rest_of(mask)) {
        const std::size_t i = first_of(mask);
        const auto feature = static_cast<FeatureId>(i);
        request.state().asking = feature;
        const HookResult result = judges[i](request, location.slots[i]);
        if (result.kind == HookResult::Kind::decided) {
            const ngx_int_t rc = apply(request, feature, result);
            if (rc != kGoOn) {
                return rc;
            }
        }
    }
    return kGoOn;
}

// A preflight that is let past a demand for credentials must meet nothing but its answer: what a
// server's `return` or `rewrite` would say is for those who have shown theirs. Goes on with the
// search for the location, without SERVER_REWRITE.
ngx_int_t skip_server_rewrite(ngx_http_request_t* r) {
    const auto* core = static_cast<const ngx_http_core_main_conf_t*>(
        ngx_http_get_module_main_conf(r, ngx_http_core_module));
    // REWRITE is preceded by exactly one handler, FIND_CONFIG; nginx adds one to where we say.
    r->phase_handler = static_cast<ngx_int_t>(core->phase_engine.location_rewrite_index) - 2;
    return NGX_DECLINED;
}

ngx_int_t ask_preaccess(Request& request, const LocationConf& location);

[[gnu::hot]] ngx_int_t post_read_handler(ngx_http_request_t* r) noexcept {
    LocationConf* location = location_conf(r);
    const FeatureMask asked = location->post_read.about(r);
    if (r != r->main || asked == 0) {
        return NGX_DECLINED;
    }
    return judged(r, "post-read", [&] {
        Request request(r);
        if (request.state().post_read_done || settled(request)) {
            return kGoOn;
        }
        request.state().post_read_done = true;
        const ngx_int_t rc = ask(request, *location, asked, hooks.post_read);
        return rc == kGoOn && request.state().credentials_deferred ? skip_server_rewrite(r) : rc;
    });
}

[[gnu::noinline]] ngx_int_t run_rewrite(ngx_http_request_t* r, const LocationConf* location,
                                        FeatureMask asked) noexcept {
    return judged(r, "rewrite", [&] {
        Request request(r);
        RequestState& state = request.state();
        if (settled(request)) {
            return kGoOn;
        }
        if (state.rewrite_location != location) {
            state.rewrite_location = location;
            const ngx_int_t rc = ask(request, *location, asked, hooks.rewrite);
            if (rc != kGoOn) {
                return rc;
            }
        }
        if (!state.credentials_deferred || !state.preflight) {
            state.credentials_deferred = false;
            return kGoOn;
        }
        // Before nginx's own `return` and `rewrite`: the limits and the preflight's answer. A limit
        // that waits comes back to here.
        const ngx_int_t rc = ask_preaccess(request, *location);
        state.credentials_deferred = rc == NGX_DONE;
        return rc;
    });
}

// Most locations ask nobody here: what decides that stands alone.
[[gnu::hot]] ngx_int_t rewrite_handler(ngx_http_request_t* r) noexcept {
    const LocationConf* location = location_conf(r);
    const FeatureMask asked = location->rewrite.about(r);
    return asked == 0 || r != r->main ? NGX_DECLINED : run_rewrite(r, location, asked);
}

[[gnu::hot]] ngx_int_t ask_preaccess(Request& request, const LocationConf& location) {
    RequestState& state = request.state();
    if (state.preaccess_location != &location) {
        state.preaccess_location = &location;
        state.preaccess_next = 0;
    }
    // A resumed request goes on with the feature that suspended it.
    FeatureMask mask =
        location.preaccess.about(request.r()) & (~FeatureMask{0} << state.preaccess_next);
    for (; mask != 0; mask = rest_of(mask)) {
        const std::size_t i = first_of(mask);
        const auto feature = static_cast<FeatureId>(i);
        state.preaccess_next = static_cast<std::uint8_t>(i);
        state.asking = feature;
        const HookResult result = hooks.preaccess[i](request, location.slots[i]);
        if (result.kind == HookResult::Kind::suspend || result.kind == HookResult::Kind::finished) {
            return NGX_DONE;
        }
        state.preaccess_next = static_cast<std::uint8_t>(i + 1);
        if (result.kind == HookResult::Kind::decided) {
            const ngx_int_t rc = apply(request, feature, result);
            if (rc != kGoOn) {
                return rc;
            }
        }
    }
    return kGoOn;
}

[[gnu::noinline]] ngx_int_t run_preaccess(ngx_http_request_t* r,
                                          const LocationConf* location) noexcept {
    return judged(r, "preaccess", [&] {
        Request request(r);
        return settled(request) ? kGoOn : ask_preaccess(request, *location);
    });
}

[[gnu::hot]] ngx_int_t preaccess_handler(ngx_http_request_t* r) noexcept {
    const LocationConf* location = location_conf(r);
    return location->preaccess.about(r) == 0 || r != r->main ? NGX_DECLINED
                                                             : run_preaccess(r, location);
}

ngx_int_t request_body_filter(ngx_http_request_t* r, ngx_chain_t* in) noexcept {
    LocationConf* location = location_conf(r);
    const auto known = Request::find(r);
    const FeatureMask asked = location->body_mask | (known ? known->state().body_mask : 0);
    if (r == r->main && asked != 0) {
        const ngx_int_t rc =
            guarded(r->connection->log, "request body filter", kOnError, [&]() -> ngx_int_t {
                Request request(r);
                for (FeatureMask mask = asked; mask != 0; mask = rest_of(mask)) {
                    const std::size_t i = first_of(mask);
                    const int status =
                        hooks.request_body_filter[i](request, location->slots[i], in);
                    if (status != 0) {
                        return status;
                    }
                }
                return NGX_OK;
            });
        if (rc != NGX_OK) {
            return rc;
        }
    }
    return next_request_body_filter(r, in);
}

// A failure: what the client was told, or would have been.
bool failed(const ngx_http_request_t* r) {
    return r->err_status >= NGX_HTTP_BAD_REQUEST || r->headers_out.status >= NGX_HTTP_BAD_REQUEST;
}

// No where a look at the request's state tells; else maybe.
bool may_be_settled(const ngx_http_request_t* r) {
    const auto* state =
        static_cast<const RequestState*>(ngx_http_get_module_ctx(r, ngx_http_sallyport_module));
    return state == nullptr || state->enforced >= 0;
}

// Apart from what decides it: nearly every request succeeds, and nobody counts or writes lines.
[[gnu::noinline]] void run_log(ngx_http_request_t* r, const LocationConf* location) noexcept {
    if (const Counters* counters = Counters::active()) {
        guarded(r->connection->log, "counters", [&] { counters->count(r); });
    }
    if (location->failure_mask == 0 && !location->logs_decisions) {
        return;
    }
    guarded(r->connection->log, "log", [&] {
        Request request(r);
        const FeatureMask told = failed(r) || settled(request) ? location->failure_mask : 0;
        for (FeatureMask mask = told; mask != 0; mask = rest_of(mask)) {
            const std::size_t i = first_of(mask);
            hooks.failure[i](request, location->slots[i]);
        }
        if (location->logs_decisions) {
            write_decision_line(**location->decision_log, request);
        }
    });
}

[[gnu::hot]] ngx_int_t log_handler(ngx_http_request_t* r) noexcept {
    const LocationConf* location = location_conf(r);
    if (r != r->main) {
        return NGX_OK;
    }
    if (failed(r) || location->logs_decisions || Counters::active() != nullptr ||
        (location->failure_mask != 0 && may_be_settled(r))) {
        run_log(r, location);
    }
    return NGX_OK;
}

// nginx runs a phase's handlers from the last registered to the first.
bool register_first_to_run(ngx_http_core_main_conf_t* core, ngx_uint_t phase,
                           ngx_http_handler_pt handler) {
    auto* slot = static_cast<ngx_http_handler_pt*>(ngx_array_push(&core->phases[phase].handlers));
    if (slot == nullptr) {
        return false;
    }
    *slot = handler;
    return true;
}

bool register_last_to_run(ngx_http_core_main_conf_t* core, ngx_uint_t phase,
                          ngx_http_handler_pt handler) {
    if (!register_first_to_run(core, phase, handler)) {
        return false;
    }
    ngx_array_t& handlers = core->phases[phase].handlers;
    auto* all = static_cast<ngx_http_handler_pt*>(handlers.elts);
    for (ngx_uint_t i = handlers.nelts - 1; i > 0; --i) {
        all[i] = all[i - 1];
    }
    all[0] = handler;
    return true;
}

const Variable* variable_of(uintptr_t data) {
    return reinterpret_cast<const Variable*>(data);
}

}  // namespace

ngx_int_t install_phases(ngx_conf_t* cf, const PhasesNeeded& needed) {
    auto* core = static_cast<ngx_http_core_main_conf_t*>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
    // POST_READ: after realip, whose result is the client's address. REWRITE: before `return` and
    // `rewrite`. PREACCESS: before anything that could end the phase with NGX_OK.
    const bool ok =
        (!needed.post_read ||
         register_last_to_run(core, NGX_HTTP_POST_READ_PHASE, post_read_handler)) &&
        (!needed.rewrite || register_first_to_run(core, NGX_HTTP_REWRITE_PHASE, rewrite_handler)) &&
        (!needed.preaccess ||
         register_first_to_run(core, NGX_HTTP_PREACCESS_PHASE, preaccess_handler)) &&
        register_first_to_run(core, NGX_HTTP_LOG_PHASE, log_handler);
    if (!ok) {
        return NGX_ERROR;
    }
    collect_hooks();
    next_request_body_filter = ngx_http_top_request_body_filter;
    ngx_http_top_request_body_filter = request_body_filter;
    return NGX_OK;
}

ngx_int_t get_variable(ngx_http_request_t* r, ngx_http_variable_value_t* value,
                       uintptr_t data) noexcept {
    return guarded(r->connection->log, "variable", ngx_int_t{NGX_ERROR}, [&]() -> ngx_int_t {
        Request request(r);
        const std::string_view text = variable_of(data)->get(request);
        value->not_found = text.empty();
        value->valid = !text.empty();
        value->no_cacheable = 1;
        value->escape = 0;
        value->len = static_cast<unsigned>(text.size()) & 0xfffffffu;
        value->data = borrow(text).data;
        return NGX_OK;
    });
}

[[gnu::hot]] void resume(ngx_http_request_t* r) {
    ngx_connection_t* connection = r->connection;
    ngx_http_core_run_phases(r);
    ngx_http_run_posted_requests(connection);
}

}  // namespace sallyport::ngx
