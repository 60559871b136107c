#include "module/nginx/ban_zone.hpp"

#include "common/crypto.hpp"

namespace sallyport::ngx {

using policy::BanEntry;
using policy::BanSubject;
using policy::BanTable;

namespace {

constexpr std::uint64_t kBanMagic =
    0x5350424153303032;  // "SPBAS002"; the zone's name ends in the same 2

// Monotonic and the same in all workers, as nginx's loop last read it. Never 0.
std::int64_t clock_ms() {
    return static_cast<std::int64_t>(ngx_current_msec) + 1;
}

BanRow row_of(const BanEntry& entry, std::int64_t now_ms) {
    BanRow row;
    row.subject = policy::to_string(entry.subject);
    row.rule = entry.rule_name();
    row.allowed = entry.allowed != 0;
    row.banned = entry.banned(now_ms);
    row.age_ms = now_ms - entry.since_ms;
    row.remaining_ms = !row.banned                             ? 0
                       : entry.until_ms >= policy::kBanForever ? -1
                                                               : entry.until_ms - now_ms;
    row.level = entry.level;
    row.count = entry.count;
    return row;
}

}  // namespace

Status BanZone::announce(ngx_conf_t* cf, std::uint64_t bytes, policy::BanPrefixes prefixes) {
    prefixes_ = prefixes;
    const Layout layout{
        .name = "sallyport_bans_v2", .bytes = bytes, .magic = kBanMagic, .what = "the bans"};
    return SharedZone::announce(cf, layout);
}

void BanZone::create(std::span<std::byte> memory, SharedZone* old) {
    policy::HashSecret secret;
    random_bytes(secret.data(), secret.size());
    table_ = BanTable::create(memory, secret);
    if (old != nullptr) {
        table_->adopt(*static_cast<BanZone*>(old)->table_, clock_ms());
    }
    table_->share(credential_secret_.has_value());
}

void BanZone::keep(std::span<std::byte> memory) {
    table_ = reinterpret_cast<BanTable*>(memory.data());
    table_->share(credential_secret_.has_value());
}

bool BanZone::inherit(std::span<const std::byte> memory) {
    const BanTable* before = BanTable::look(memory);
    if (before != nullptr) {
        table_->adopt(*before, clock_ms());
    }
    return before != nullptr;
}

bool BanZone::any() const {
    return table_->any(clock_ms());
}

std::optional<BanEntry> BanZone::find(const BanSubject& subject) const {
    const std::int64_t now = clock_ms();
    BanEntry entry;
    switch (table_->peek(subject, now, entry)) {
        case BanTable::Peek::free:
            return std::nullopt;
        case BanTable::Peek::banned:
            return entry;
        case BanTable::Peek::unsure:
            break;
    }
    const Lock lock(*this);
    const BanEntry* found = table_->find(subject);
    return found != nullptr && found->banned(now) ? std::optional(*found) : std::nullopt;
}

std::optional<BanEntry> BanZone::strike(const policy::BanRule& rule, const BanSubject& subject,
                                        bool& counted) {
    const Lock lock(*this);
    const BanEntry* made = table_->strike(rule, subject, clock_ms(), &counted);
    return made != nullptr ? std::optional(*made) : std::nullopt;
}

std::vector<BanRow> BanZone::list(std::size_t skip, std::size_t max) const {
    std::vector<BanEntry> entries;
    entries.reserve(std::min(max, table_->ban_places()));  // nothing is allocated under the lock
    const std::int64_t now = clock_ms();
    {
        const Lock lock(*this);
        table_->each(now, [&](const BanEntry& entry) {
            if (skip > 0) {
                --skip;
            } else if (entries.size() < entries.capacity() && entries.size() < max) {
                entries.push_back(entry);
            }
        });
    }
    std::vector<BanRow> rows;
    rows.reserve(entries.size());
    for (const BanEntry& entry : entries) {
        rows.push_back(row_of(entry, now));
    }
    return rows;
}

std::optional<BanRow> BanZone::look(const BanSubject& subject) const {
    const std::int64_t now = clock_ms();
    const Lock lock(*this);
    const BanEntry* entry = table_->find(subject);
    return entry != nullptr && entry->worth_keeping(now) && entry->lifted == 0
               ? std::optional(row_of(*entry, now))
               : std::nullopt;
}

std::uint32_t BanZone::outcomes(const policy::BanRule& rule, const BanSubject& subject) const {
    const Lock lock(*this);
    return table_->outcomes(rule, subject, clock_ms());
}

bool BanZone::add(const BanSubject& subject, std::int64_t ttl_ms, std::string_view rule) {
    const Lock lock(*this);
    return table_->ban(subject, rule, ttl_ms, 0, 0, clock_ms(), true);
}

bool BanZone::remove(const BanSubject& subject) {
    const Lock lock(*this);
    return table_->lift(subject, clock_ms());
}

bool BanZone::allow(const BanSubject& subject) {
    const Lock lock(*this);
    return table_->allow(subject, clock_ms());
}

std::vector<BanEntry> BanZone::unheard(std::size_t max) {
    const Lock lock(*this);
    return table_->unheard(max, clock_ms());
}

void BanZone::heard(const std::vector<BanEntry>& entries) {
    const Lock lock(*this);
    table_->heard(entries);
}

bool BanZone::take(const policy::BanWord& word) {
    const Lock lock(*this);
    return table_->take(word, clock_ms());
}

std::pair<std::string, std::string> BanZone::hearing() const {
    const Lock lock(*this);
    return {std::string(table_->epoch()), std::string(table_->number())};
}

void BanZone::hear(std::string_view epoch, std::string_view number) {
    const Lock lock(*this);
    table_->hear(epoch, number, clock_ms());
}

bool BanZone::take_turn(std::int64_t every_ms) {
    return table_->take_turn(clock_ms(), every_ms);
}

policy::BanWord BanZone::word_of(const BanEntry& entry) {
    return entry.word(clock_ms());
}

BanZone::Totals BanZone::totals() const {
    Totals totals;
    const std::int64_t now = clock_ms();
    const Lock lock(*this);
    totals.made = table_->bans_made();
    totals.evictions = table_->evictions();
    totals.places = table_->ban_places();
    table_->each(now, [&](const BanEntry& entry) {
        totals.allowed += entry.allowed != 0 ? 1 : 0;
        totals.live += entry.banned(now) ? 1 : 0;
    });
    return totals;
}

}  // namespace sallyport::ngx
