// Arguments of directives from any bytes: no crash, every refusal says something, and what was
// accepted keeps the promises of its directive. The first byte chooses the directive, blanks part
// the arguments.
#include "common/bytes.hpp"
#include "module/policy/ban.hpp"
#include "module/policy/ban_word.hpp"
#include "module/policy/client_address.hpp"
#include "module/policy/cors.hpp"
#include "module/policy/https.hpp"
#include "module/policy/ip_list_spec.hpp"
#include "module/policy/rate_limit_fields.hpp"
#include "module/policy/rate_limit_spec.hpp"
#include "module/policy/tls_policy.hpp"
#include "module/store/redis_spec.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

using namespace sallyport;

namespace {

using Words = std::span<const std::string_view>;

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

// What every parser owes: a result, or words about the mistake.
template <typename T>
const T* judged(const Result<T>& result) {
    if (!result) {
        require(!result.message().empty());
        return nullptr;
    }
    return &*result;
}

void try_ban(Words words) {
    const auto parsed = policy::parse_ban_rule(words);
    if (const auto* rule = judged(parsed)) {
        require(!rule->name.empty() && rule->name.size() <= policy::kBanNameBytesMax);
        require(rule->after > 0 && rule->within_ms > 0 && !rule->ttl_ms.empty());
        require(std::is_sorted(rule->ttl_ms.begin(), rule->ttl_ms.end()));
        require(rule->by_address || rule->by_credential);
    }
}

void try_list(Words words) {
    const auto parsed = policy::parse_ip_list_spec(words);
    if (const auto* spec = judged(parsed)) {
        require(policy::is_ip_list_name(spec->name));
        require(!spec->stored.given() || (spec->sources.empty() && !spec->stored.key.empty()));
        require(policy::ip_list_room(*spec, 7) >= 7);
        for (const Cidr& block : spec->blocks) {
            require(block.bits > 0);
        }
    }
}

void try_limit(Words words) {
    const auto parsed = policy::parse_limit(words);
    if (const auto* spec = judged(parsed)) {
        require(!policy::bound_text(*spec).empty());
    }
}

void try_trust(Words words) {
    judged(policy::parse_trust(words));
}
void try_cors(Words words) {
    judged(policy::parse_cors(words));
}
void try_https(Words words) {
    judged(policy::parse_https_rule(words));
}
void try_tls(Words words) {
    judged(policy::parse_tls_rule(words));
}
void try_redis(Words words) {
    judged(store::parse_redis(words));
}
void try_fields(Words words) {
    judged(policy::parse_generations(words));
}

// A word of another node: what is read is written as it was.
void try_ban_word(std::string_view text) {
    const auto word = policy::parse_ban_word(text, {});
    if (word) {
        const auto again = policy::parse_ban_word(policy::to_text(*word), {});
        require(again && again->subject == word->subject && again->said == word->said &&
                again->left_ms == word->left_ms && again->level == word->level);
    }
}

constexpr void (*kDirectives[])(Words) = {try_ban,   try_list, try_limit, try_trust, try_cors,
                                          try_https, try_tls,  try_redis, try_fields};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) {
        return 0;
    }
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    try_ban_word(text);
    std::vector<std::string_view> words;
    for_each_split(text, ' ', [&](std::string_view word) {
        if (!word.empty()) {
            words.push_back(word);
        }
    });
    if (!words.empty()) {
        // '0', '1' … choose as readably as 0, 1 …
        kDirectives[data[0] % std::size(kDirectives)](words);
    }
    return 0;
}
