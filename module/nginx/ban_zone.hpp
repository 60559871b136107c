// Bans in shared memory: all workers see them, a reload and a binary upgrade keep them.
//
// The first half is for the gateway itself; the second is what the control endpoint shows and does.
// Times are how long ago and how long still, so that no clock has to be agreed on.
#pragma once

#include "module/nginx/shared_zone.hpp"
#include "module/policy/ban_table.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::ngx {

// A ban or an allowance, as an operator sees it.
struct BanRow {
    std::string subject;            // as parse_ban_subject reads it; a credential is its keyed hash
    std::string rule;               // what banned it; "control" for a ban by hand
    bool allowed = false;           // never to be banned
    bool banned = false;            // false for one that only is remembered
    std::int64_t age_ms = 0;        // since it was made
    std::int64_t remaining_ms = 0;  // -1: for ever
    unsigned level = 0;             // bans before this one
    std::uint32_t count = 0;        // outcomes that led to it
};

class BanZone final : public SharedZone {
  public:
    Status announce(ngx_conf_t* cf, std::uint64_t bytes, policy::BanPrefixes prefixes);
    // Before nginx makes the memory: nodes share the bans, and know credentials by this secret.
    void share(const policy::HashSecret& credential_secret) {
        credential_secret_ = credential_secret;
    }

    policy::BanPrefixes prefixes() const { return prefixes_; }
    policy::BanSubject subject_of(const IpAddress& address) const {
        return policy::ban_subject(address, prefixes_);
    }
    policy::BanSubject credential(std::string_view value) const {
        return credential_secret_ ? policy::ban_credential(*credential_secret_, value)
                                  : table_->credential(value);
    }
    // Whether any ban may hold now.
    [[gnu::hot]] bool any() const;
    // The ban, when there is one. Takes no lock unless a writer is in the way.
    std::optional<policy::BanEntry> find(const policy::BanSubject& subject) const;
    // Counts one outcome; the ban when that made one. `counted` as in BanTable::strike.
    std::optional<policy::BanEntry> strike(const policy::BanRule& rule,
                                           const policy::BanSubject& subject, bool& counted);

    // For the control endpoint. Subjects come from policy::parse_ban_subject(text, prefixes()).
    //
    // What is known of one subject; nothing for a stranger.
    std::optional<BanRow> look(const policy::BanSubject& subject) const;
    std::uint32_t outcomes(const policy::BanRule& rule, const policy::BanSubject& subject) const;
    // At most `max` rows behind the first `skip`; live bans, allowances and remembered bans.
    std::vector<BanRow> list(std::size_t skip, std::size_t max) const;
    // `ttl_ms` policy::kBanForever: until lifted. False when there is no room for it.
    bool add(const policy::BanSubject& subject, std::int64_t ttl_ms,
             std::string_view rule = "control");
    // Ends a ban or an allowance and forgets what led to it. False when there was none.
    bool remove(const policy::BanSubject& subject);
    // Never to be banned until removed; ends a ban that lives. False when there is no room for it.
    bool allow(const policy::BanSubject& subject);

    // For the exchange with other nodes (ban_sync.hpp), as in BanTable.
    std::vector<policy::BanEntry> unheard(std::size_t max);
    void heard(const std::vector<policy::BanEntry>& entries);
    bool take(const policy::BanWord& word);
    std::pair<std::string, std::string> hearing() const;  // epoch and number
    void hear(std::string_view epoch, std::string_view number);
    bool take_turn(std::int64_t every_ms);
    static policy::BanWord word_of(const policy::BanEntry& entry);

    struct Totals {
        std::uint64_t live = 0;       // bans that hold now
        std::uint64_t allowed = 0;    // allowances
        std::uint64_t made = 0;       // since the zone was made
        std::uint64_t evictions = 0;  // live bans that had to give way
        std::size_t places = 0;
    };
    Totals totals() const;

  private:
    void create(std::span<std::byte> memory, SharedZone* old) override;
    void keep(std::span<std::byte> memory) override;
    bool inherit(std::span<const std::byte> memory) override;

    policy::BanPrefixes prefixes_;
    std::optional<policy::HashSecret> credential_secret_;
    policy::BanTable* table_ = nullptr;
};

// Null where no sallyport_ban stands in the configuration.
BanZone* ban_zone(ngx_cycle_t* cycle);

}  // namespace sallyport::ngx
