#include "module/nginx/rate_limit_explain.hpp"

#include "module/nginx/rate_limit_conf.hpp"
#include "module/nginx/rate_limit_response.hpp"

#include <vector>

namespace sallyport::ngx {
namespace {

// A key as its limit counts it: text as it is, an address (cut to its prefix) as an address.
std::string key_value(const policy::KeyParts& key) {
    std::string out;
    for (std::size_t i = 0; i < key.count; ++i) {
        const std::string_view part = key.parts[i];
        const bool printable =
            std::all_of(part.begin(), part.end(), [](char c) { return c >= ' ' && c <= '~'; });
        if (part.size() == 16 && !printable) {
            std::uint8_t bytes[16];
            std::copy_n(part.begin(), sizeof(bytes), bytes);
            out += IpAddress::from_v6(bytes).to_string();
        } else if (part.size() == 4 && !printable) {
            std::uint8_t bytes[4];
            std::copy_n(part.begin(), sizeof(bytes), bytes);
            out += IpAddress::from_v4(bytes).to_string();
        } else {
            out += part;
        }
    }
    return out;
}

struct Look {
    const Limit* limit;
    std::string key;
    std::int64_t ahead_ns;
    bool admits;
};

Json fact_of(const Look& look, bool admitted) {
    const Limit& limit = *look.limit;
    const std::int64_t after =
        admitted ? look.ahead_ns + limit.spec.gcra.interval_ns : look.ahead_ns;
    const policy::Standing standing = policy::standing(limit.spec.gcra, after);
    Json fact = Json::object({{"limit", Json::string(limit.spec.name)},
                              {"key", Json::string(limit.spec.key)},
                              {"value", Json::string(look.key)},
                              {"store", Json::string(limit.spec.store)},
                              {"admits", Json::boolean(look.admits)}});
    if (limit.spec.needs_zone()) {
        fact.set("remaining", Json::integer(static_cast<std::int64_t>(standing.remaining)));
        fact.set("full_again_s", Json::integer(standing.full_s));
    }
    if (limit.store != nullptr) {
        fact.set("note",
                 Json::string(limit.spec.needs_zone() ? "what this node last knew of the store"
                                                      : "the store is not asked"));
    }
    return fact;
}

}  // namespace

HookResult explain_rate_limit(Request& request, const void* location_conf, Stage stage,
                              Json& facts) {
    if (stage == Stage::response) {
        write_rate_limit_fields(request, location_conf);
    }
    if (stage != Stage::counting) {
        return HookResult::pass();
    }
    const auto& location = *static_cast<const RateLimitLocation*>(location_conf);
    auto& state = request.feature_state<RateLimitState>(FeatureId::rate_limit);
    std::vector<Look> looks;
    bool admitted = true;
    for (const Limit* limit : location.limits) {
        KeyScratch scratch;
        policy::KeyParts key;
        if (!limit->key.collect(request, scratch, key)) {
            facts.append(Json::object({{"limit", Json::string(limit->spec.name)},
                                       {"key", Json::string(limit->spec.key)},
                                       {"note", Json::string("the key is empty: not counted")}}));
            continue;
        }
        const std::int64_t ahead_ns =
            limit->spec.needs_zone()
                ? limit->zone.peek(limit->spec.gcra, limit->zone.hash(key), monotonic_ns())
                : 0;
        looks.push_back({limit, key_value(key), ahead_ns, limit->spec.gcra.admits(ahead_ns)});
        admitted = admitted && looks.back().admits;
    }
    std::vector<policy::Standing> refusing;
    const Limit* by = nullptr;
    for (const Look& look : looks) {
        facts.append(fact_of(look, admitted));
        state.record(look.limit,
                     admitted ? look.ahead_ns + look.limit->spec.gcra.interval_ns : look.ahead_ns);
        if (!look.admits) {
            refusing.push_back(policy::standing(look.limit->spec.gcra, look.ahead_ns));
            by = by == nullptr ? look.limit : by;
        }
    }
    return by == nullptr ? HookResult::pass()
                         : HookResult::decided(policy::refusal(refusing),
                                               request.mode(location.mode), by->spec.name);
}

}  // namespace sallyport::ngx
