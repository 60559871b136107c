#include "module/nginx/rate_limit_conf.hpp"

#include "common/bytes.hpp"
#include "module/nginx/feature.hpp"
#include "module/nginx/rate_limit_worker.hpp"
#include "module/nginx/str.hpp"

#include <algorithm>

namespace sallyport::ngx {
namespace {

std::vector<std::string_view> arguments(const DirectiveCall& call) {
    std::vector<std::string_view> out;
    for (std::size_t i = 0; i < call.size(); ++i) {
        out.push_back(call.arg(i));
    }
    return out;
}

std::string where(const ngx_conf_t* cf) {
    return std::string(view(cf->conf_file->file.name)) + ":" + std::to_string(cf->conf_file->line);
}

void warn_about_key(ngx_conf_t* cf, const Limit& limit) {
    if (!limit.key.has_variables()) {
        warn(cf, "key=" + limit.spec.key + " of limit " + in_quotes(limit.spec.name) +
                     " has no variable: all requests share one bucket");
    }
    if (!limit.key.forgeable().empty()) {
        warn(cf,
             "key=" + limit.spec.key + " of limit " + in_quotes(limit.spec.name) + " uses $" +
                 std::string(limit.key.forgeable()) +
                 ", which any client can set; use $sallyport_client_ip with sallyport_trust_proxy");
    }
}

// Values that a client writes as it likes.
bool is_clients_own(std::string_view text) {
    return text.find("$http_") != std::string_view::npos ||
           text.find("$arg_") != std::string_view::npos ||
           text.find("$cookie_") != std::string_view::npos;
}

Status compile_text(ngx_conf_t* cf, const char* option, const std::string& text,
                    std::optional<ComplexText>& out) {
    if (text.empty()) {
        return Done{};
    }
    auto compiled = ComplexText::compile(cf, text);
    if (!compiled) {
        return Error{std::string(option) + in_quotes(text) +
                     " cannot be used; see the message above"};
    }
    out = *compiled;
    return Done{};
}

Status compile_texts(ngx_conf_t* cf, Limit& limit) {
    const policy::LimitSpec& spec = limit.spec;
    limit.plain =
        spec.cost.empty() && spec.priority.empty() && spec.table.empty() && !spec.adapts();
    if (is_clients_own(spec.priority)) {
        warn(cf, "priority=" + spec.priority + " of limit " + in_quotes(spec.name) +
                     " is what a client writes: anybody can name the highest class; use a "
                     "variable that the gateway decides, such as a map of the key");
    }
    for (const Status& status : {compile_text(cf, "cost=", spec.cost, limit.cost),
                                 compile_text(cf, "priority=", spec.priority, limit.priority),
                                 compile_text(cf, "tenant=", spec.tenant, limit.tenant)}) {
        if (!status) {
            return status;
        }
    }
    return Done{};
}

// A cluster answers for the keys of one slot at a time.
Status check_slots(const RateLimitLocation::Choice& choice, const Limit& a, const Limit& b) {
    if (store::share_slot(a.spec, b.spec)) {
        return Done{};
    }
    return Error{"\"sallyport_rate_limit\" at " + choice.where + " names limits " +
                 in_quotes(a.spec.name) + " and " + in_quotes(b.spec.name) + " of the cluster " +
                 in_quotes(a.spec.store) +
                 ", whose keys lie in different slots and cannot be asked as one; give both the "
                 "same key= and ipv6_prefix=, or both group=" +
                 (a.spec.group.empty() ? a.spec.name : a.spec.group)};
}

Status resolve_names(ngx_conf_t* cf, const RateLimitMain& main, RateLimitLocation& location) {
    const RateLimitLocation::Choice& choice = *location.choice;
    const Limit* shared = nullptr;
    for (const std::string& name : choice.names) {
        const Limit* limit = main.limit(name);
        if (limit == nullptr) {
            return Error{"\"sallyport_rate_limit\" at " + choice.where + " names limit " +
                         in_quotes(name) + ", which is not declared; add sallyport_limit " + name +
                         " rate=… at http level or correct the name"};
        }
        if (!limit->spec.is_local()) {
            if (shared != nullptr && shared->spec.store != limit->spec.store) {
                return Error{"\"sallyport_rate_limit\" at " + choice.where + " names limits " +
                             in_quotes(shared->spec.name) + " and " + in_quotes(name) +
                             " of two stores, which cannot be asked as one; use one store"};
            }
            const RedisStore* store = redis_store(cf, limit->spec.store);
            if (shared != nullptr && store != nullptr &&
                store->target.spec.kind == store::RedisKind::cluster) {
                if (const Status fits = check_slots(choice, *shared, *limit); !fits) {
                    return fits;
                }
            }
            shared = limit;
        }
        location.limits.push_back(limit);
    }
    std::sort(location.limits.begin(), location.limits.end(),
              [](const Limit* a, const Limit* b) { return a->index < b->index; });
    return Done{};
}

}  // namespace

policy::KeyHash Limit::hash_of(const policy::KeyParts& parts) const {
    return spec.needs_zone() ? zone.hash(parts) : policy::key_hash(store->hash_secret, parts);
}

namespace {

// Without a table a key is hashed by the store's secret, which many may know. What a worker keeps
// for itself goes by its own.
const policy::HashSecret& own_secret() {
    static const policy::HashSecret secret = [] {
        policy::HashSecret out;
        random_bytes(out.data(), out.size());
        return out;
    }();
    return secret;
}

}  // namespace

[[gnu::hot]] Limit::KeyNames Limit::names_of(const policy::KeyParts& parts, bool stored) const {
    const policy::KeyHash hash = hash_of(parts);
    if (!stored) {
        return {hash, {}};
    }
    return {hash, key_texts.of(spec.needs_zone() ? hash : policy::key_hash(own_secret(), parts),
                               [&] { return policy::key_text(store->hash_secret, parts); })};
}

RateLimitMain::RateLimitMain() = default;
RateLimitMain::~RateLimitMain() = default;

Limit* RateLimitMain::limit(std::string_view name) const {
    const auto found = std::find_if(limits.begin(), limits.end(),
                                    [&](const auto& one) { return one->spec.name == name; });
    return found == limits.end() ? nullptr : found->get();
}

Status set_limit(DirectiveCall& call) {
    auto& main = *static_cast<RateLimitMain*>(call.main);
    auto spec = policy::parse_limit(arguments(call));
    if (!spec) {
        return spec.error();
    }
    if (mode_from(spec->name)) {
        return Error{"limit name " + in_quotes(spec->name) + " is a mode; choose another"};
    }
    if (main.limit(spec->name) != nullptr) {
        return Error{"limit " + in_quotes(spec->name) + " is declared twice; rename one"};
    }
    if (main.limits.size() == kLimitsMax) {
        return Error{"there are more than " + std::to_string(kLimitsMax) +
                     " limits; let locations share some"};
    }
    auto limit = std::make_unique<Limit>();
    auto key = KeyTemplate::compile(call.cf, spec->key, spec->ipv6_prefix);
    if (!key) {
        return key.error();
    }
    limit->key = std::move(*key);
    limit->spec = std::move(*spec);
    limit->index = main.limits.size();
    limit->wire = store::make_wire(limit->spec);
    limit->list_head = policy::list_head(limit->spec.name);
    limit->boosts = &main.boosts;
    if (const Status compiled = compile_texts(call.cf, *limit); !compiled) {
        return compiled.error();
    }
    warn_about_key(call.cf, *limit);
    if (limit->spec.needs_zone()) {
        const Status announced = limit->zone.announce(call.cf, limit->spec);
        if (!announced) {
            return announced.error();
        }
    }
    main.limits.push_back(std::move(limit));
    return Done{};
}

TenantTable* RateLimitMain::table(std::string_view name) const {
    const auto found = std::find_if(tables.begin(), tables.end(),
                                    [&](const auto& one) { return one->name() == name; });
    return found == tables.end() ? nullptr : found->get();
}

Status set_limit_table(DirectiveCall& call) {
    auto& main = *static_cast<RateLimitMain*>(call.main);
    const std::string_view name = call.arg(0);
    if (const Status named = policy::check_name("table", name); !named) {
        return named.error();
    }
    if (main.table(name) != nullptr) {
        return Error{"table " + in_quotes(name) + " is declared twice; rename one"};
    }
    std::string_view file;
    std::string_view store;
    std::int64_t refresh_ms = kRefreshMs;
    for (std::size_t i = 1; i < call.size(); ++i) {
        if (const auto path = option(call.arg(i), "file")) {
            file = *path;
        } else if (const auto redis = option(call.arg(i), "redis")) {
            store = *redis;
        } else if (const auto refresh = option(call.arg(i), "refresh")) {
            const auto ms = parse_refresh_ms(*refresh);
            if (!ms) {
                return ms.error();
            }
            refresh_ms = *ms;
        } else {
            return Error{"unknown option " + in_quotes(call.arg(i)) +
                         "; write file=PATH or redis=NAME, and refresh=TIME"};
        }
    }
    if (file.empty() == store.empty()) {
        return Error{"table " + in_quotes(name) +
                     (file.empty() ? " has no source; write file=PATH or redis=NAME"
                                   : " has two sources; keep one of file= and redis=")};
    }
    auto table = std::make_unique<TenantTable>(std::string(name));
    if (store.empty()) {
        auto path = full_path(call.cf, file);
        if (!path) {
            return path.error();
        }
        if (const Status read = table->read_file(std::move(*path), refresh_ms); !read) {
            return read.error();
        }
    } else {
        table->read_redis(std::string(store), refresh_ms);
    }
    main.tables.push_back(std::move(table));
    return Done{};
}

Status set_rate_limit(DirectiveCall& call) {
    auto& location = *static_cast<RateLimitLocation*>(call.location);
    if (location.choice) {
        return Error{"stands there twice at this level; name all limits in one directive"};
    }
    RateLimitLocation::Choice choice;
    choice.where = where(call.cf);
    std::vector<std::string_view> words = arguments(call);
    if (const auto mode = mode_from(words.back())) {
        words.pop_back();
        if (*mode == policy::Mode::off && !words.empty()) {
            return Error{"\"off\" stands alone; remove it or the names"};
        }
        if (*mode != policy::Mode::off && words.empty()) {
            return Error{"names no limit; write sallyport_rate_limit <name>… " +
                         std::string(word(*mode))};
        }
        choice.mode = mode;
    }
    for (const std::string_view name : words) {
        if (std::find(choice.names.begin(), choice.names.end(), name) != choice.names.end()) {
            return Error{"names limit " + in_quotes(name) + " twice; remove one"};
        }
        choice.names.emplace_back(name);
    }
    if (choice.names.size() > store::kLimitsPerRequestMax) {
        return Error{"names more than " + std::to_string(store::kLimitsPerRequestMax) +
                     " limits; a request is counted in that many at most"};
    }
    location.choice = std::move(choice);
    return Done{};
}

Status set_rate_limit_headers(DirectiveCall& call) {
    auto& location = *static_cast<RateLimitLocation*>(call.location);
    if (location.generations) {
        return Error{"stands there twice at this level; name all generations in one directive"};
    }
    const auto generations = policy::parse_generations(arguments(call));
    if (!generations) {
        return generations.error();
    }
    location.generations = *generations;
    return Done{};
}

Status merge_rate_limit(ngx_conf_t* cf, const void* parent_conf, void* child_conf) {
    const auto& parent = *static_cast<const RateLimitLocation*>(parent_conf);
    auto& child = *static_cast<RateLimitLocation*>(child_conf);
    child.choice = child.choice ? child.choice : parent.choice;
    child.generations = child.generations ? child.generations : parent.generations;
    child.fields = child.generations.value_or(bit(policy::FieldGeneration::draft_11));
    if (!child.choice) {
        return Done{};
    }
    child.mode = child.choice->mode;
    const auto& main = *static_cast<const RateLimitMain*>(feature_main(cf, FeatureId::rate_limit));
    if (const Status resolved = resolve_names(cf, main, child); !resolved) {
        return resolved.error();
    }
    std::vector<policy::FieldLimit> shown;
    for (const Limit* limit : child.limits) {
        child.list_bytes += policy::list_item_bytes_max(limit->list_head.size());
        child.charges = child.charges || !limit->spec.charge.empty();
        shown.push_back({limit->spec.name, limit->spec.quota, limit->spec.window_s});
    }
    child.policy = policy::policy_field(child.fields, shown);
    return Done{};
}

Status finish_rate_limits(ngx_conf_t* cf, void* main_conf) {
    auto& main = *static_cast<RateLimitMain*>(main_conf);
    for (const auto& table : main.tables) {
        if (const Status resolved = table->resolve(cf); !resolved) {
            return resolved;
        }
    }
    if (!main.limits.empty()) {
        if (const Status announced = main.boosts.announce(cf); !announced) {
            return announced;
        }
    }
    for (const auto& limit : main.limits) {
        limit->table = main.table(limit->spec.table);
        if (limit->table == nullptr && !limit->spec.table.empty()) {
            return Error{"\"sallyport_limit\": table " + in_quotes(limit->spec.table) +
                         " of limit " + in_quotes(limit->spec.name) +
                         " is not declared; add sallyport_limit_table " + limit->spec.table +
                         " file=PATH"};
        }
        if (ngx_test_config) {
            ngx_conf_log_error(NGX_LOG_NOTICE, cf, 0, "sallyport: limit \"%s\": %s",
                               limit->spec.name.c_str(), policy::bound_text(limit->spec).c_str());
        }
        if (limit->spec.is_local()) {
            continue;
        }
        limit->store = redis_store(cf, limit->spec.store);
        if (limit->store == nullptr) {
            return Error{"\"sallyport_limit\": store " + in_quotes(limit->spec.store) +
                         " of limit " + in_quotes(limit->spec.name) +
                         " is not declared; add sallyport_redis " + limit->spec.store +
                         " redis://host:port or write store=local"};
        }
        limit->store->used = true;
        limit->wire = store::make_wire(limit->spec,
                                       limit->store->target.spec.kind == store::RedisKind::cluster);
    }
    return Done{};
}

}  // namespace sallyport::ngx
