// What a request's head says about its signature: the header fields a profile refers to, and the
// signature items found in them. Views point into the request; nothing is copied or allocated.
#pragma once

#include "module/policy/decision.hpp"
#include "module/policy/webhook_profile.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace sallyport::policy::webhook {

// Longest MAC (SHA-512).
inline constexpr std::size_t kMacBytesMax = 64;
// user:password of basic credentials.
inline constexpr std::size_t kCredentialBytesMax = 1024;

// Collects the header fields that a profile names.
class HeadFields {
  public:
    explicit HeadFields(const Profile& profile) : profile_(&profile) {}

    // Every request header field once, in order.
    void offer(std::string_view name, std::string_view value);

    std::size_t count(std::size_t slot) const { return counts_[slot]; }
    // The first value of that slot; empty when there is none.
    std::string_view value(std::size_t slot) const { return values_[slot]; }

    struct Numbered {
        std::size_t slot;
        std::string_view number;
        std::string_view value;
    };
    std::size_t numbered_count() const { return numbered_count_; }
    const Numbered& numbered(std::size_t i) const { return numbered_[i]; }
    // The same numbered header twice, or more of them than candidates are tried.
    bool numbered_conflict() const { return numbered_conflict_; }

  private:
    void offer_numbered(std::size_t slot, std::string_view number, std::string_view value);

    const Profile* profile_;
    std::array<std::string_view, kHeadersMax> values_{};
    std::array<std::uint8_t, kHeadersMax> counts_{};  // 2 means two or more
    // Only the first numbered_count_ were written.
    std::array<Numbered, kCandidatesMax> numbered_;
    std::size_t numbered_count_ = 0;
    bool numbered_conflict_ = false;
};

struct Candidate {
    std::string_view text{};   // the item as sent, with its prefix
    std::string_view value{};  // behind the prefix
    std::uint8_t group = 0;
    std::uint8_t size = 0;                       // of `mac`
    std::array<std::uint8_t, kMacBytesMax> mac;  // decoded; types hmac and hash only
};

struct SigField {
    std::string_view text{};
    std::uint8_t count = 0;
};

// The signature items of one request.
class Candidates {
  public:
    explicit Candidates(const Profile& profile) : profile_(&profile) {}

    // Reads one signature value. False: more groups, items or bytes than are tried.
    bool add(std::string_view value);

    std::size_t size() const { return size_; }
    const Candidate& operator[](std::size_t i) const { return items_[i]; }
    // The bytes of a public-key signature; empty when they do not fit.
    std::span<const std::uint8_t> signature(std::size_t i, std::span<std::uint8_t> memory) const;
    std::size_t groups() const { return groups_; }
    const SigField& field(std::size_t group, std::size_t slot) const {
        return fields_[group][slot];
    }

  private:
    bool add_group(std::string_view text, std::uint8_t group);
    bool add_item(std::string_view item, std::uint8_t group);
    bool decode(Candidate& candidate) const;
    std::optional<std::size_t> decode_to(std::string_view text, std::span<std::uint8_t> out) const;

    const Profile* profile_;
    std::array<Candidate, kCandidatesMax> items_;
    std::array<std::array<SigField, kSigFieldsMax>, kGroupsMax> fields_{};
    std::size_t size_ = 0;
    std::size_t seen_ = 0;  // items, usable or not
    std::size_t bytes_ = 0;
    std::size_t groups_ = 0;
};

}  // namespace sallyport::policy::webhook
