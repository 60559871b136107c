#include "module/nginx/rate_limit_explain.hpp"

#include "module/nginx/rate_limit_ask.hpp"
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
    Asking asking;
    std::string key;
    policy::Measure measure;  // as one request more would leave it, when all limits admit it
    bool admits;
};

policy::Standing standing_of(const Look& look) {
    return policy::standing(*look.asking.terms, look.measure, look.asking.ask);
}

Json fact_of(const Look& look) {
    const Limit& limit = *look.limit;
    const policy::Standing standing = standing_of(look);
    Json fact = Json::object({{"limit", Json::string(limit.spec.name)},
                              {"key", Json::string(limit.spec.key)},
                              {"value", Json::string(look.key)},
                              {"store", Json::string(limit.spec.store)},
                              {"cost", Json::integer(look.asking.ask.units)},
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
        LastFields none;
        write_rate_limit_fields(request, location_conf, none);
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
        policy::Measure measure{};
        policy::KeyHash hash{};
        if (limit->spec.needs_zone()) {
            hash = limit->zone.hash(key);
            measure = limit->zone.usage(hash).measure;
        }
        const Asking asking = asking_of(request, *limit, hash);
        looks.push_back({limit, asking, key_value(key), measure,
                         policy::admits(*asking.terms, measure, asking.ask)});
        admitted = admitted && looks.back().admits;
    }
    std::vector<policy::Standing> refusing;
    const Limit* by = nullptr;
    state.make_room(request, looks.size());
    for (Look& look : looks) {
        if (admitted) {
            look.measure.used += look.asking.terms->measure_of(look.asking.ask.units);
        }
        facts.append(fact_of(look));
        state.record(look.limit, look.asking.terms, look.measure, look.asking.ask, !look.admits);
        if (!look.admits) {
            refusing.push_back(standing_of(look));
            by = by == nullptr ? look.limit : by;
        }
    }
    return by == nullptr ? HookResult::pass()
                         : HookResult::decided(policy::refusal(refusing),
                                               request.mode(location.mode), by->spec.name);
}

}  // namespace sallyport::ngx
