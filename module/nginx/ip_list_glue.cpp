// Allow and deny by address (module/policy/ip_list.hpp).
//
//   sallyport_ip_list <name> [file=PATH]… [feed=FORMAT:PATH]… [redis=STORE:KEY] [CIDR…]
//                     [option=value]…                                                  http
//   sallyport_allow <list|CIDR|unix:|all>…             http, server, location
//   sallyport_deny  <list|CIDR|unix:|all>…             http, server, location
//   sallyport_ip_mode off|report|enforce               http, server, location
//
// Two gates, both must let pass: the server's (http and server levels) in POST_READ, before
// `rewrite` and `return` can answer; the location's (nested locations together) in REWRITE.
#include "module/nginx/feature.hpp"
#include "module/nginx/guard.hpp"
#include "module/nginx/ip_list_conf.hpp"
#include "module/nginx/ip_list_routes.hpp"
#include "module/nginx/levels.hpp"
#include "module/nginx/str.hpp"

#include <string>
#include <vector>

namespace sallyport::ngx {
namespace {

using policy::IpGate;
using policy::IpList;
using policy::IpRules;

// Each list of a gate is one look-up a request.
constexpr std::size_t kListsMax = 256;

struct IpLocation {
    IpRules rules;  // this level's own; after merging, with those of the levels around it
    std::optional<policy::Mode> mode;
    bool server_level = false;
    const IpGate* server_gate = nullptr;
    const IpGate* location_gate = nullptr;
};

ngx_int_t get_membership(ngx_http_request_t* r, ngx_http_variable_value_t* value,
                         uintptr_t data) noexcept {
    return guarded(r->connection->log, "list variable", ngx_int_t{NGX_ERROR}, [&]() -> ngx_int_t {
        const auto* list = reinterpret_cast<const IpList*>(data);
        const IpAddress* client = Request(r).client_address();
        const bool member = client != nullptr && list->contains(*client);
        *value = {};
        value->len = 1;
        value->valid = 1;
        value->data = borrow(member ? "1" : "0").data;
        return NGX_OK;
    });
}

Status add_variable(ngx_conf_t* cf, std::string_view prefix, const IpList* list) {
    ngx_str_t name = copy(cf->pool, std::string(prefix) + list->name);
    ngx_http_variable_t* variable = ngx_http_add_variable(cf, &name, 0);
    if (variable == nullptr) {
        return Error{"the variable $" + std::string(view(name)) + " cannot be added"};
    }
    variable->get_handler = get_membership;
    variable->data = reinterpret_cast<uintptr_t>(list);
    return Done{};
}

Status set_list(DirectiveCall& call) {
    auto* main = static_cast<IpListMain*>(call.main);
    std::vector<std::string_view> arguments;
    for (std::size_t i = 0; i < call.size(); ++i) {
        arguments.push_back(call.arg(i));
    }
    auto spec = policy::parse_ip_list_spec(arguments);
    if (!spec) {
        return spec.error();
    }
    if (main->find(spec->name) != nullptr) {
        return Error{"the list \"" + spec->name + "\" is defined twice; choose another name"};
    }
    if (main->lists.size() == kListsMax) {
        return Error{"\"" + spec->name + "\" is one list too many; " + std::to_string(kListsMax) +
                     " are the limit, join some"};
    }
    auto* named = pool_new<NamedList>(call.cf->pool);
    named->spec = std::move(*spec);
    if (const Status loaded = load_list(call.cf, *named); !loaded) {
        return loaded;
    }
    main->lists.push_back(named);
    if (named->slots) {
        main->refreshed.push_back(named);
    }
    for (const std::string_view prefix :
         {std::string_view("sallyport_ip_list_"), std::string_view("sallyport_in_")}) {
        if (const Status added = add_variable(call.cf, prefix, &named->list); !added) {
            return added;
        }
    }
    return Done{};
}

// The names of the lists that hold the client's address, with commas between them.
std::string_view lists_of_client(Request& request) {
    const IpAddress* client = request.client_address();
    const auto* main = static_cast<const IpListMain*>(
        feature_main(const_cast<ngx_cycle_t*>(ngx_cycle), FeatureId::ip_list));
    if (client == nullptr || main == nullptr) {
        return {};
    }
    std::string names;
    for (const NamedList* named : main->lists) {
        if (named->list.contains(*client)) {
            names.append(names.empty() ? "" : ",").append(named->list.name);
        }
    }
    return names.empty() ? std::string_view() : keep(request.r(), names);
}

constexpr Variable kVariables[] = {
    {"sallyport_ip_list", lists_of_client},
};

Status add_entry(const IpListMain& main, IpRules::Side& side, std::string_view word) {
    if (word == "all") {
        side.all = true;
    } else if (word == "unix:") {
        side.unix_clients = true;
    } else if (const NamedList* named = main.find(word)) {
        side.lists.push_back(&named->list);
    } else if (policy::is_ip_list_name(word)) {
        return Error{"there is no list \"" + std::string(word) +
                     "\"; define it above with sallyport_ip_list"};
    } else {
        const auto block = policy::parse_ip_block(word);
        if (!block) {
            return Error{block.message() + "; write a list, an address, a block, unix: or all"};
        }
        side.blocks.push_back(*block);
    }
    return Done{};
}

Status set_side(DirectiveCall& call, IpRules::Side IpRules::*side) {
    auto* location = static_cast<IpLocation*>(call.location);
    for (std::size_t i = 0; i < call.size(); ++i) {
        const Status status = add_entry(*static_cast<const IpListMain*>(call.main),
                                        location->rules.*side, call.arg(i));
        if (!status) {
            return status;
        }
    }
    if (location->rules.allow.all && location->rules.deny.all) {
        return Error{"\"all\" is both allowed and denied at this level; keep one"};
    }
    return Done{};
}

Status set_allow(DirectiveCall& call) {
    return set_side(call, &IpRules::allow);
}
Status set_deny(DirectiveCall& call) {
    return set_side(call, &IpRules::deny);
}

constexpr Directive kDirectives[] = {
    {"sallyport_ip_list", kHttp | NGX_CONF_2MORE, set_list},
    {"sallyport_allow", kEverywhere | NGX_CONF_1MORE, set_allow},
    {"sallyport_deny", kEverywhere | NGX_CONF_1MORE, set_deny},
    {"sallyport_ip_mode", kEverywhere | NGX_CONF_TAKE1, set_mode<IpLocation>},
};

const IpGate* make_gate(ngx_conf_t* cf, const IpRules& rules) {
    return rules.empty() ? nullptr : pool_new<IpGate>(cf->pool, rules);
}

Status merge(ngx_conf_t* cf, const void* parent_conf, void* child_conf) {
    const auto& parent = *static_cast<const IpLocation*>(parent_conf);
    auto& child = *static_cast<IpLocation*>(child_conf);
    child.mode = child.mode ? child.mode : parent.mode;
    child.server_level = is_server_level(cf, FeatureId::ip_list, child_conf);
    if (child.server_level) {
        child.rules = policy::nest(parent.rules, child.rules);
        child.server_gate = make_gate(cf, child.rules);
    } else {
        child.server_gate = parent.server_gate;
        if (parent.server_level) {
            child.location_gate = make_gate(cf, child.rules);
        } else if (child.rules.empty()) {
            child.rules = parent.rules;
            child.location_gate = parent.location_gate;
        } else {
            child.rules = policy::nest(parent.rules, child.rules);
            child.location_gate = make_gate(cf, child.rules);
        }
    }
    const bool guards = child.server_gate != nullptr || child.location_gate != nullptr;
    if (!guards || level_mode(cf, child.mode) != policy::Mode::enforce) {
        return Done{};
    }
    const auto awaits = [](const IpGate* gate) { return gate != nullptr && gate->may_await(); };
    const Status status = check_error_pages(cf, NGX_HTTP_FORBIDDEN);
    return status.ok() && (awaits(child.server_gate) || awaits(child.location_gate))
               ? check_error_pages(cf, NGX_HTTP_SERVICE_UNAVAILABLE)
               : status;
}

bool active(const void* location_conf) {
    const auto& location = *static_cast<const IpLocation*>(location_conf);
    return location.server_gate != nullptr || location.location_gate != nullptr;
}

Speaks speaks(const void* location_conf, Stage stage) {
    const auto& location = *static_cast<const IpLocation*>(location_conf);
    return speaks_if((stage == Stage::server ? location.server_gate : location.location_gate) !=
                     nullptr);
}

[[gnu::hot]] HookResult ask(Request& request, const IpLocation& location, const IpGate* gate) {
    if (gate == nullptr || gate->lets_pass(request.client_address())) {
        return HookResult::pass();
    }
    const IpGate::Outcome outcome =
        gate->decide(request.client_address(), request.client_verified());
    if (outcome.decision.verdict == policy::Verdict::allow) {
        return HookResult::pass();
    }
    const policy::Mode mode = request.mode(location.mode);
    return mode == policy::Mode::off ? HookResult::pass()
                                     : HookResult::decided(outcome.decision, mode, outcome.rule);
}

[[gnu::hot]] HookResult post_read(Request& request, const void* location_conf) {
    const auto& location = *static_cast<const IpLocation*>(location_conf);
    return ask(request, location, location.server_gate);
}

[[gnu::hot]] HookResult rewrite(Request& request, const void* location_conf) {
    const auto& location = *static_cast<const IpLocation*>(location_conf);
    return ask(request, location, location.location_gate);
}

HookResult explain(Request& request, const void* location, Stage stage, Json& facts) {
    if (stage != Stage::server && stage != Stage::location) {
        return HookResult::pass();
    }
    const IpAddress* client = request.client_address();
    const auto* main = static_cast<const IpListMain*>(explained_main(FeatureId::ip_list));
    for (const NamedList* named : main->lists) {
        if (client != nullptr && named->list.contains(*client)) {
            facts.append(Json::object({{"member_of", Json::string(named->list.name)}}));
        }
    }
    return stage == Stage::server ? post_read(request, location) : rewrite(request, location);
}

Status ready(void*) {
    for (const IpListState& list : ip_list_states(const_cast<ngx_cycle_t*>(ngx_cycle))) {
        if (list.awaited) {
            return Error{"list \"" + std::string(list.name) +
                         "\" was not loaded from its store yet"};
        }
    }
    return Done{};
}

void inspect(policy::Metrics& out, void*) {
    for (const IpListState& list : ip_list_states(const_cast<ngx_cycle_t*>(ngx_cycle))) {
        const policy::Metrics::Labels labels{{"list", list.name}};
        out.gauge("sallyport_ip_list_blocks", "Blocks of a list.", labels,
                  static_cast<double>(list.blocks));
        out.counter("sallyport_ip_list_versions_total",
                    "Versions of a list published since the configuration was loaded.", labels,
                    list.version);
        out.counter("sallyport_ip_list_refusals_total",
                    "New versions of a list that were not taken; see the error log.", labels,
                    list.refusals);
    }
}

}  // namespace

const Feature kIpList = {
    .id = FeatureId::ip_list,
    .name = "ip_list",
    .directives = kDirectives,
    .variables = kVariables,
    .create_main = [](ngx_pool_t* pool) -> void* { return pool_new<IpListMain>(pool); },
    .create_location = [](ngx_pool_t* pool) -> void* { return pool_new<IpLocation>(pool); },
    .merge_location = merge,
    .postconfiguration =
        [](ngx_conf_t* cf, void* main) { return find_stores(cf, *static_cast<IpListMain*>(main)); },
    .init_cycle =
        [](ngx_cycle_t* cycle, void* main) {
            return start_refreshing(cycle, *static_cast<IpListMain*>(main));
        },
    .init_process =
        [](ngx_cycle_t* cycle, void* main) {
            return start_refreshing_alone(cycle, *static_cast<IpListMain*>(main));
        },
    .active = active,
    .speaks = speaks,
    .post_read = post_read,
    .rewrite = rewrite,
    .explain = explain,
    .routes = kIpListRoutes,
    .inspect = inspect,
    .ready = ready,
};

}  // namespace sallyport::ngx
