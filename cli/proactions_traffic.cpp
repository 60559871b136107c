// hub.security.cors, rateLimit and limits: what cors 2, express-rate-limit 7 and 8 and Express's
// body parsers do.
#include "cli/proactions_section.hpp"
#include "common/bytes.hpp"
#include "module/policy/body_limit.hpp"
#include "module/policy/cors.hpp"
#include "module/policy/rate_limit_spec.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace sallyport::cli {
namespace {

std::vector<std::string_view> views(const std::vector<std::string>& words) {
    return {words.begin(), words.end()};
}

std::string joined(const std::vector<std::string>& words) {
    std::string out;
    for (const std::string& word : words) {
        out += " " + word;
    }
    return out;
}

// The word for `origin`; empty, and named, when it has no counterpart. `off`: no rules at all.
std::string origin_word(ProactionsSection& cors) {
    const YAML::Node origin = cors.take("origin");
    const auto flag = yaml_flag(origin);
    if (!origin.IsDefined() || (origin.IsScalar() && origin.Scalar() == "*")) {
        return "origin=*";
    }
    if (flag || (origin.IsScalar() && origin.Scalar().empty())) {
        return flag.value_or(false) ? "origin=reflect" : "off";
    }
    if (origin.IsScalar() && is_plain_word(origin.Scalar())) {
        return "origin=" + origin.Scalar();
    }
    std::string list;
    for (const std::string& one : yaml_words(origin)) {
        list += (list.empty() ? "" : ",") + one;
    }
    if (!origin.IsSequence() || !is_plain_word(list)) {
        cors.leave("origin", "is not a list of origins");
        return "";
    }
    return "origins=" + list;
}

// False when an option was named; then the rules are left out as a whole, because half of them
// would allow something else.
bool cors_options(ProactionsSection& cors, std::vector<std::string>& words) {
    constexpr std::int64_t kNoAge = std::numeric_limits<std::int64_t>::min();
    const auto methods = cors.list("methods");
    const auto allowed = cors.list("allowedHeaders");
    const auto exposed = cors.list("exposedHeaders");
    const bool reflects = !cors.has("allowedHeaders");
    const auto age_s = cors.integer("maxAge", kNoAge);
    const auto status = cors.integer("optionsSuccessStatus", 204);
    const auto continues = cors.flag("preflightContinue", false);
    const auto credentials = cors.flag("credentials", false);
    if (!methods || !allowed || !exposed || !age_s || !status || !continues || !credentials) {
        return false;
    }
    if (cors.has("methods") && methods->empty()) {
        cors.leave("methods", "is empty, which leaves GET, HEAD and POST; write those");
        return false;
    }
    if (*age_s != kNoAge && *age_s < 0) {
        cors.leave("maxAge", "is below zero; write 0 where browsers shall keep nothing");
        return false;
    }
    const auto add = [&](bool given, const std::string& word) {
        if (given) {
            words.push_back(word);
        }
    };
    add(!methods->empty(), "methods=" + *methods);
    add(!reflects, "headers=" + (allowed->empty() ? "none" : *allowed));
    add(!exposed->empty(), "expose=" + *exposed);
    add(*age_s != kNoAge, "max_age=" + std::to_string(*age_s) + "s");
    add(*status != 204, "status=" + std::to_string(*status));
    add(*continues, "preflight=continue");
    add(*credentials, "credentials");
    return true;
}

// Their name for a generation of fields as ours; nothing when there is none.
std::optional<std::string> generation(const YAML::Node& standard) {
    const auto flag = yaml_flag(standard);
    const std::string word = standard.IsScalar() ? standard.Scalar() : "";
    if (!standard.IsDefined() || flag == false) {
        return "";
    }
    if (flag == true || word == "draft-6") {
        return " draft-06";
    }
    if (word == "draft-7") {
        return " draft-07";
    }
    return word == "draft-8" ? std::optional<std::string>(" draft-11") : std::nullopt;
}

// The words of sallyport_limit; empty, and named, when something has no counterpart.
std::vector<std::string> limit_words(ProactionsSection& limit) {
    const auto window_ms = limit.integer("windowMs", 60'000);
    const auto old_max = limit.integer("max", 5);
    const auto max = limit.integer("limit", old_max.value_or(5));
    const auto prefix = limit.integer("ipv6Subnet", 56);
    const auto skip_failed = limit.flag("skipFailedRequests", false);
    const auto skip_successful = limit.flag("skipSuccessfulRequests", false);
    const auto name = limit.text("identifier", "proactions");
    if (!window_ms || !old_max || !max || !prefix || !skip_failed || !skip_successful || !name) {
        return {};
    }
    if (*skip_failed && *skip_successful) {
        limit.leave("skipFailedRequests and skipSuccessfulRequests together count nothing");
        return {};
    }
    std::vector<std::string> words = {*name, "window=" + std::to_string(*window_ms) + "ms",
                                      "max=" + std::to_string(*max),
                                      "ipv6_prefix=" + std::to_string(*prefix)};
    if (*skip_failed || *skip_successful) {
        words.emplace_back(*skip_failed ? "skip_failed" : "skip_successful");
    }
    const auto parsed = policy::parse_limit(views(words));
    if (!parsed) {
        limit.leave(parsed.message());
        return {};
    }
    return words;
}

// What the npm package `bytes` reads: a number of bytes, or with a unit, of 1024 each.
std::optional<std::int64_t> bytes_of(const std::string& text) {
    const std::size_t unit = std::min(text.find_first_not_of("0123456789."), text.size());
    const YAML::Node number(text.substr(0, unit));
    double value = 0;
    if (unit == 0 || !YAML::convert<double>::decode(number, value)) {
        return std::nullopt;
    }
    const std::string_view name = trim_ows(std::string_view(text).substr(unit));
    const std::array<std::string_view, 4> names = {"b", "kb", "mb", "gb"};
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (ascii_iequals(name, names[i]) || (name.empty() && i == 0)) {
            return static_cast<std::int64_t>(
                std::floor(std::ldexp(value, static_cast<int>(10 * i))));
        }
    }
    return std::nullopt;
}

}  // namespace

void proactions_cors(ProactionsSection cors) {
    if (!cors.is_on()) {
        return;
    }
    std::vector<std::string> words = {origin_word(cors)};
    const bool understood = cors_options(cors, words);
    cors.finish();
    if (words.front().empty() || words.front() == "off") {
        return;
    }
    if (!understood) {
        cors.leave("the rules depend on what is named above");
        return;
    }
    const auto parsed = policy::parse_cors(views(words));
    if (!parsed) {
        cors.leave(parsed.message());
        return;
    }
    cors.line("sallyport_cors" + joined(words) + ";");
}

void proactions_rate_limit(ProactionsSection limit) {
    if (!limit.is_on()) {
        return;
    }
    const std::vector<std::string> words = limit_words(limit);
    const auto legacy = limit.flag("legacyHeaders", true);
    const auto standard = generation(limit.take("standardHeaders"));
    if (!standard) {
        limit.leave("standardHeaders", "has no counterpart; choose sallyport_rate_limit_headers");
    }
    const auto status = limit.integer("statusCode", 429);
    if (status && *status != 429) {
        limit.leave("statusCode", "a refusal is 429");
    }
    if (limit.has("message")) {
        limit.take("message");
        limit.leave("message", "a refusal has a problem document");
    }
    limit.finish();
    if (words.empty()) {
        return;
    }
    limit.line(
        "# express-rate-limit's windows begin with a key's first request; here no window, wherever "
        "it begins,\n"
        "# has more requests.");
    limit.line("sallyport_limit" + joined(words) + ";\nsallyport_rate_limit " + words.front() +
               ";");
    const std::string fields = (legacy.value_or(true) ? " legacy" : "") + standard.value_or("");
    limit.line("sallyport_rate_limit_headers" + (fields.empty() ? std::string(" off") : fields) +
               ";");
}

void proactions_body_limits(ProactionsSection limits) {
    if (!limits.is_on()) {
        return;
    }
    std::string words;
    std::int64_t largest = 0;
    for (const auto& [name, kind] : {std::pair("json", "json"), std::pair("urlencoded", "form")}) {
        const auto text = limits.text(name, "");
        if (!text || !limits.has(name)) {
            continue;
        }
        const auto bytes = bytes_of(*text);
        if (!bytes || *bytes <= 0) {
            limits.leave(name, "is not a size such as 50mb");
            continue;
        }
        words += std::string(" ") + kind + "=" + std::to_string(*bytes);
        largest = std::max(largest, *bytes);
    }
    limits.finish();
    if (!words.empty()) {
        limits.line("# Other media types have nginx's own limit.");
        limits.line("sallyport_body_limit" + words + " default=off;\nclient_max_body_size " +
                    std::to_string(largest) + ";");
    }
}

}  // namespace sallyport::cli
