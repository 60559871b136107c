// Allow and deny by address (module/policy/ip_list.hpp).
//
//   sallyport_ip_list <name> [file=PATH]… [CIDR…]      http
//   sallyport_allow <list|CIDR|unix:|all>…             http, server, location
//   sallyport_deny  <list|CIDR|unix:|all>…             http, server, location
//   sallyport_ip_mode off|report|enforce               http, server, location
//
// Two gates, both must let pass: the server's (http and server levels) in POST_READ, before
// `rewrite` and `return` can answer; the location's (nested locations together) in REWRITE.
#include "common/file_text.hpp"
#include "module/nginx/feature.hpp"
#include "module/nginx/guard.hpp"
#include "module/nginx/levels.hpp"
#include "module/nginx/str.hpp"
#include "module/policy/ip_list.hpp"

#include <string>
#include <vector>

namespace sallyport::ngx {
namespace {

using policy::IpGate;
using policy::IpList;
using policy::IpRules;

// Four million blocks at the longest common text, with comments.
constexpr std::size_t kFileBytesMax = std::size_t{256} << 20;
// Each list of a gate is one look-up a request.
constexpr std::size_t kListsMax = 256;

struct IpMain {
    std::vector<IpList*> lists;

    const IpList* find(std::string_view name) const {
        for (const IpList* list : lists) {
            if (list->name == name) {
                return list;
            }
        }
        return nullptr;
    }
};

struct IpLocation {
    IpRules rules;  // this level's own; after merging, with those of the levels around it
    std::optional<policy::Mode> mode;
    bool server_level = false;
    const IpGate* server_gate = nullptr;
    const IpGate* location_gate = nullptr;
};

Status add_file(ngx_conf_t* cf, std::string_view path, std::vector<Cidr>& blocks) {
    ngx_str_t full = copy(cf->pool, path);
    if (ngx_conf_full_name(cf->cycle, &full, 1) != NGX_OK) {
        return Error{"out of memory"};
    }
    const std::string name(view(full));
    const auto text = read_file_text(name, kFileBytesMax);
    if (!text) {
        return text.error();
    }
    const auto parsed = policy::parse_ip_list(*text, name);
    if (!parsed) {
        return parsed.error();
    }
    blocks.insert(blocks.end(), parsed->begin(), parsed->end());
    return Done{};
}

ngx_int_t get_membership(ngx_http_request_t* r, ngx_http_variable_value_t* value,
                         uintptr_t data) noexcept {
    return guarded(r->connection->log, "list variable", ngx_int_t{NGX_ERROR}, [&]() -> ngx_int_t {
        const auto* list = reinterpret_cast<const IpList*>(data);
        const IpAddress* client = Request(r).client_address();
        const bool member = client != nullptr && list->set.contains(*client);
        *value = {};
        value->len = 1;
        value->valid = 1;
        value->data = borrow(member ? "1" : "0").data;
        return NGX_OK;
    });
}

Status add_variable(ngx_conf_t* cf, const IpList* list) {
    ngx_str_t name = copy(cf->pool, "sallyport_ip_list_" + list->name);
    ngx_http_variable_t* variable = ngx_http_add_variable(cf, &name, 0);
    if (variable == nullptr) {
        return Error{"the variable $" + std::string(view(name)) + " cannot be added"};
    }
    variable->get_handler = get_membership;
    variable->data = reinterpret_cast<uintptr_t>(list);
    return Done{};
}

Status set_list(DirectiveCall& call) {
    auto* main = static_cast<IpMain*>(call.main);
    const std::string name(call.arg(0));
    if (!policy::is_ip_list_name(name)) {
        return Error{"\"" + name +
                     "\" is not a list name; write lower-case letters, digits and underscores, "
                     "starting with a letter (all, off and unix are taken)"};
    }
    if (main->find(name) != nullptr) {
        return Error{"the list \"" + name + "\" is defined twice; choose another name"};
    }
    if (main->lists.size() == kListsMax) {
        return Error{"\"" + name + "\" is one list too many; " + std::to_string(kListsMax) +
                     " are the limit, join some"};
    }
    std::vector<Cidr> blocks;
    for (std::size_t i = 1; i < call.size(); ++i) {
        const std::string_view arg = call.arg(i);
        if (const auto path = option(arg, "file")) {
            const Status status = add_file(call.cf, *path, blocks);
            if (!status) {
                return status;
            }
            continue;
        }
        const auto block = policy::parse_ip_block(arg);
        if (!block) {
            return Error{block.message() + " (list \"" + name + "\"; or write file=PATH)"};
        }
        blocks.push_back(*block);
    }
    auto* list = pool_new<IpList>(call.cf->pool);
    list->name = name;
    list->set = policy::IpSet(blocks);
    main->lists.push_back(list);
    return add_variable(call.cf, list);
}

Status add_entry(const IpMain& main, IpRules::Side& side, std::string_view word) {
    if (word == "all") {
        side.all = true;
    } else if (word == "unix:") {
        side.unix_clients = true;
    } else if (const IpList* list = main.find(word)) {
        side.lists.push_back(list);
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
        const Status status =
            add_entry(*static_cast<const IpMain*>(call.main), location->rules.*side, call.arg(i));
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
    return guards && level_mode(cf, child.mode) == policy::Mode::enforce
               ? check_error_pages(cf, NGX_HTTP_FORBIDDEN)
               : Status(Done{});
}

bool active(const void* location_conf) {
    const auto& location = *static_cast<const IpLocation*>(location_conf);
    return location.server_gate != nullptr || location.location_gate != nullptr;
}

HookResult ask(Request& request, const IpLocation& location, const IpGate* gate) {
    if (gate == nullptr) {
        return HookResult::pass();
    }
    const policy::Mode mode = request.mode(location.mode);
    if (mode == policy::Mode::off) {
        return HookResult::pass();
    }
    const IpGate::Outcome outcome =
        gate->decide(request.client_address(), request.client_verified());
    return outcome.decision.verdict == policy::Verdict::allow
               ? HookResult::pass()
               : HookResult::decided(outcome.decision, mode, outcome.rule);
}

HookResult post_read(Request& request, const void* location_conf) {
    const auto& location = *static_cast<const IpLocation*>(location_conf);
    return ask(request, location, location.server_gate);
}

HookResult rewrite(Request& request, const void* location_conf) {
    const auto& location = *static_cast<const IpLocation*>(location_conf);
    return ask(request, location, location.location_gate);
}

HookResult explain(Request& request, const void* location, Stage stage, Json& facts) {
    if (stage != Stage::server && stage != Stage::location) {
        return HookResult::pass();
    }
    const IpAddress* client = request.client_address();
    const auto* main = static_cast<const IpMain*>(explained_main(FeatureId::ip_list));
    for (const IpList* list : main->lists) {
        if (client != nullptr && list->set.contains(*client)) {
            facts.append(Json::object({{"member_of", Json::string(list->name)}}));
        }
    }
    return stage == Stage::server ? post_read(request, location) : rewrite(request, location);
}

}  // namespace

const Feature kIpList = {
    .id = FeatureId::ip_list,
    .name = "ip_list",
    .directives = kDirectives,
    .create_main = [](ngx_pool_t* pool) -> void* { return pool_new<IpMain>(pool); },
    .create_location = [](ngx_pool_t* pool) -> void* { return pool_new<IpLocation>(pool); },
    .merge_location = merge,
    .active = active,
    .post_read = post_read,
    .rewrite = rewrite,
    .explain = explain,
};

}  // namespace sallyport::ngx
