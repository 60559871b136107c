// Bans on the control location: what there is, a ban or an allowance by hand, and their end.
//
//   GET    /bans[?skip=N&max=N]
//   POST   /bans {"subject":TEXT, "for":TIME|"ever"} or {"subject":TEXT, "allow":true}
//   DELETE /bans?subject=TEXT
//
// Instead of a subject, POST takes "credential": the exact value of the header that carries it.
// Only its keyed hash is kept, shown or logged.
#include "module/nginx/ban_routes.hpp"

#include "common/units.hpp"
#include "module/nginx/ban_zone.hpp"
#include "module/nginx/feature.hpp"

namespace sallyport::ngx {
namespace {

constexpr std::size_t kRowsMax = 1000;

BanZone* zone() {
    return ban_zone(const_cast<ngx_cycle_t*>(ngx_cycle));
}

ControlReply nothing_to_ban() {
    return ControlReply::error(404, "no sallyport_ban stands in the configuration");
}

void note(const ControlCall& call, const char* what, std::string_view subject) {
    ngx_log_error(NGX_LOG_NOTICE, call.r->connection->log, 0, "sallyport: control: %s %*s", what,
                  subject.size(), subject.data());
}

Json row_json(const BanRow& row) {
    Json json = Json::object({
        {"subject", Json::string(row.subject)},
        {"state", Json::string(row.allowed  ? "allowed"
                               : row.banned ? "banned"
                                            : "remembered")},
        {"rule", Json::string(row.rule)},
        {"age_s", Json::integer(row.age_ms / 1000)},
        {"level", Json::integer(row.level)},
        {"count", Json::integer(row.count)},
    });
    if (row.banned) {
        json.set("remaining_s", row.remaining_ms < 0 ? Json::string("ever")
                                                     : Json::integer(row.remaining_ms / 1000));
    }
    return json;
}

// Whom a body means: "subject" in the words of the list of bans, or "credential" as it is sent.
Result<policy::BanSubject> subject_of(const Json& body, const BanZone& bans) {
    const Json subject = body["subject"];
    const Json credential = body["credential"];
    if (subject.is_string() == credential.is_string()) {
        return Error{
            "name either \"subject\" (an address, a block, credential:HASH) or "
            "\"credential\" (the value of its header)"};
    }
    if (subject.is_string()) {
        return policy::parse_ban_subject(subject.text(), bans.prefixes());
    }
    if (credential.text().empty()) {
        return Error{"\"credential\" is empty"};
    }
    return bans.credential(credential.text());
}

// The number in an argument; `fallback` without one, nothing when it is no number.
std::optional<std::size_t> number(const ControlCall& call, std::string_view name,
                                  std::size_t fallback) {
    const auto text = call.argument(name);
    if (!text) {
        return fallback;
    }
    const auto value = parse_u64(*text);
    return value ? std::optional<std::size_t>(*value) : std::nullopt;
}

ControlReply list_bans(ControlCall& call) {
    const BanZone* bans = zone();
    if (bans == nullptr) {
        return nothing_to_ban();
    }
    const auto skip = number(call, "skip", 0);
    const auto max = number(call, "max", kRowsMax);
    if (!skip || !max || *max > kRowsMax) {
        return ControlReply::error(400, "skip and max are whole numbers, max at most 1000");
    }
    Json rows = Json::array();
    for (const BanRow& row : bans->list(*skip, *max)) {
        rows.append(row_json(row));
    }
    const BanZone::Totals totals = bans->totals();
    return ControlReply::ok(Json::object({
        {"bans", rows},
        {"live", Json::integer(static_cast<std::int64_t>(totals.live))},
        {"allowed", Json::integer(static_cast<std::int64_t>(totals.allowed))},
        {"places", Json::integer(static_cast<std::int64_t>(totals.places))},
    }));
}

ControlReply add_ban(ControlCall& call) {
    BanZone* bans = zone();
    if (bans == nullptr) {
        return nothing_to_ban();
    }
    const auto subject = subject_of(call.body, *bans);
    if (!subject) {
        return ControlReply::error(400, subject.message());
    }
    const bool allow = call.body["allow"].is_true();
    const std::string_view time = call.body["for"].text_or("");
    if (allow == !time.empty()) {
        return ControlReply::error(400,
                                   "write either \"for\" with a time or \"ever\", or "
                                   "\"allow\": true");
    }
    bool done = false;
    if (allow) {
        done = bans->allow(*subject);
    } else {
        const auto ms =
            time == "ever" ? Result<std::int64_t>(policy::kBanForever) : parse_duration_ms(time);
        if (!ms || *ms <= 0) {
            return ControlReply::error(400, "for: write a time such as 1h, or ever");
        }
        done = bans->add(*subject, *ms);
    }
    if (!done) {
        return ControlReply::error(507,
                                   "every place it may take holds an allowance; enlarge "
                                   "sallyport_ban_zone");
    }
    const std::string shown = policy::to_string(*subject);
    note(call, allow ? "allowed" : "banned", shown);
    return ControlReply::ok(Json::object({
        {"subject", Json::string(shown)},
        {"state", Json::string(allow ? "allowed" : "banned")},
    }));
}

ControlReply remove_ban(ControlCall& call) {
    BanZone* bans = zone();
    if (bans == nullptr) {
        return nothing_to_ban();
    }
    const auto text = call.argument("subject");
    if (!text) {
        return ControlReply::error(400, "name the subject: DELETE /bans?subject=192.0.2.1");
    }
    const auto subject = policy::parse_ban_subject(*text, bans->prefixes());
    if (!subject) {
        return ControlReply::error(400, "subject: " + subject.message());
    }
    const std::string shown = policy::to_string(*subject);
    if (!bans->remove(*subject)) {
        return ControlReply::error(404, shown + " is neither banned nor allowed");
    }
    note(call, "lifted the ban or allowance of", shown);
    return ControlReply::ok(Json::object({{"removed", Json::string(shown)}}));
}

}  // namespace

constinit const ControlRoute kBanRoutes[3] = {
    {"GET", "/bans", list_bans},
    {"POST", "/bans", add_ban},
    {"DELETE", "/bans", remove_ban},
};

}  // namespace sallyport::ngx
