// Configuration of rate limits and the stores they count in.
#pragma once

#include "module/nginx/directive.hpp"
#include "module/nginx/rate_limit_boosts.hpp"
#include "module/nginx/rate_limit_key_template.hpp"
#include "module/nginx/rate_limit_zone.hpp"
#include "module/nginx/redis_conf.hpp"
#include "module/nginx/tenant_table.hpp"
#include "module/policy/key_text_cache.hpp"
#include "module/policy/rate_limit_fields.hpp"
#include "module/policy/rate_limit_spec.hpp"
#include "module/store/rate_limit_commands.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::ngx {

// One bit a limit in a request's state tells whether it was counted.
inline constexpr std::size_t kLimitsMax = 64;

struct Limit {
    policy::LimitSpec spec;
    std::size_t index = 0;  // order of declaration: the order of locking
    KeyTemplate key;
    std::optional<ComplexText> cost;      // none: one unit
    std::optional<ComplexText> priority;  // a request's class
    std::optional<ComplexText> tenant;
    const TenantTable* table = nullptr;
    const RateLimitBoosts* boosts = nullptr;
    RateLimitZone zone;           // when spec.needs_zone()
    RedisStore* store = nullptr;  // null: local
    store::LimitWire wire;        // the limit as the store knows it
    std::string list_head;        // of its item in the RateLimit field

    // Every request costs one unit of the limit's own numbers, unless some key is boosted.
    bool plain = true;

    // What a key is called in the table (of a strict limit without one: among the worker's own),
    // and in the store.
    struct KeyNames {
        policy::KeyHash hash{};
        policy::KeyText text{};
    };
    // REQUIRES: a table or a store; `stored`, which asks for the text too: a store.
    KeyNames names_of(const policy::KeyParts& parts, bool stored) const;
    policy::KeyHash hash_of(const policy::KeyParts& parts) const;
    mutable policy::KeyTextCache key_texts;  // a worker's

    // Workers count in it; the configuration around it stays as it is.
    RateLimitZone* zone_of() const { return const_cast<RateLimitZone*>(&zone); }
};

class RateLimitWorker;

struct RateLimitMain {
    std::vector<std::unique_ptr<Limit>> limits;
    std::vector<std::unique_ptr<TenantTable>> tables;
    RateLimitBoosts boosts;
    std::unique_ptr<RateLimitWorker> worker;  // a worker's, while it runs

    RateLimitMain();
    ~RateLimitMain();

    Limit* limit(std::string_view name) const;
    TenantTable* table(std::string_view name) const;
};

struct RateLimitLocation {
    struct Choice {
        std::vector<std::string> names;  // empty: off
        std::optional<policy::Mode> mode;
        std::string where;  // file:line
    };
    std::optional<Choice> choice;
    std::optional<policy::FieldGenerations> generations;

    // Computed by merge.
    std::vector<const Limit*> limits;  // in order of declaration
    std::optional<policy::Mode> mode;
    policy::FieldGenerations fields = 0;
    std::string policy;          // the RateLimit-Policy field
    std::size_t list_bytes = 0;  // room for the RateLimit field of draft-11
    bool charges = false;        // some limit charges by the response
};

Status set_limit(DirectiveCall& call);
Status set_limit_table(DirectiveCall& call);
Status set_rate_limit(DirectiveCall& call);
Status set_rate_limit_headers(DirectiveCall& call);

Status merge_rate_limit(ngx_conf_t* cf, const void* parent, void* child);
Status finish_rate_limits(ngx_conf_t* cf, void* main);

}  // namespace sallyport::ngx
