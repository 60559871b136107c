// One request as features see it, and the state kept for it.
//
// State lives as long as the main request's pool and is found again after internal redirects, which
// zero nginx's context slots. Subrequests share their main request's state and are never judged.
#pragma once

#include "common/ip.hpp"
#include "common/prefetch.hpp"
#include "module/nginx/fixed_list.hpp"
#include "module/nginx/ngx.hpp"
#include "module/nginx/pool.hpp"
#include "module/nginx/str.hpp"
#include "module/policy/client_address.hpp"
#include "module/policy/decision.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <new>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace sallyport::ngx {

enum class FeatureId : std::uint8_t {
    redis,
    redact,
    client_address,
    https,
    tls_policy,
    ip_list,
    ban,
    body_limit,
    rate_limit,
    cors,
    request_rules,
    auth,
    webhook,
    webhook_spool,
    security_headers,
    gateway_verdict,
    control,
    count_,  // not a feature: how many there are
};
inline constexpr auto kFeatureCount = static_cast<std::size_t>(FeatureId::count_);
// Bit i stands for the feature whose id is i.
using FeatureMask = std::uint32_t;

// What one feature found; the decision line holds one for each that had something to say.
struct Finding {
    FeatureId feature{};
    policy::Mode mode{};
    policy::Decision decision{};
    std::string_view rule{};
};

// How many sets of fields that stand ready a response gets at most: of CORS and of the security
// headers.
inline constexpr std::size_t kLastPartsMax = 2;

// In a block of its own, which a worker uses again. Between a request and its response others pass
// through the processor's caches, so that each line of this that the response looks at is waited
// for: what it needs nearly always lies in the first one.
struct alignas(kCacheLine) RequestState {
    // Features whose header_filter is asked wherever the response comes from: they have judged the
    // request in a location that it has left (try_files, error_page).
    FeatureMask header_mask = 0;
    // The same for request_body_filter.
    FeatureMask body_mask = 0;
    // Bit i is set when slots[i] holds something.
    FeatureMask kept = 0;
    // How much of `room` is taken.
    std::uint16_t room_used = 0;
    // The enforced refusal (or answer), if any: index into findings, or -1. Set by record().
    std::int8_t enforced = -1;
    // The feature whose hook runs: named when the hook fails.
    FeatureId asking{};

    std::uint8_t preaccess_next = 0;
    bool post_read_done = false;
    bool client_known = false;
    // Written by the client_address feature: whether every step to that address was one we believe,
    // what a proxy said that could not be read (for the log), and the scheme at the client's end.
    policy::ClientFlag client_flag = policy::ClientFlag::none;
    std::optional<bool> client_https{};
    bool proxy_trusted = false;  // the peer's word on such things counts
    // A preflight that the location's CORS rules answer: credentials are asked for only when they
    // do not. `deferred`: some feature would have asked.
    bool preflight = false;
    bool credentials_deferred = false;
    bool delivery_kept = false;  // a store has it: accepted, whatever the upstream said

    // Where the location's rewrite and preaccess hooks stand, so that a resumed request goes on and
    // a redirected one starts anew in its new location.
    const void* rewrite_location = nullptr;
    const void* preaccess_location = nullptr;

    // The client's address, taken once.
    IpAddress client{};
    std::string_view client_text{};
    std::string_view client_claim{};
    // Where a redirect decided by a feature goes.
    std::string_view redirect_target{};

    // Facts that one feature establishes and others pass on; both live as long as the request.
    std::string_view delivery_id{};  // of a verified webhook
    std::string_view verified_by{};  // the preset or profile that verified it
    std::string_view violated{};     // limits that refused, as members of a JSON array
    std::string_view replay_key{};   // names a delivery to whoever keeps or repeats it

    // Small, because every request pays for it: a refusal ends the judging, and more than a few
    // reports on one request tell nothing new.
    FixedList<Finding, 4> findings;
    // What features keep for this request, and room for it. Not cleared: Request alone looks at
    // them (feature_state, room).
    std::array<void*, kFeatureCount> slots;
    // Tie fields of the configuration into the response's list (send_header).
    std::array<ngx_list_part_t, kLastPartsMax> last_fields;
    alignas(NGX_ALIGNMENT) std::array<char, 1024> room;

    // Keeps a finding. When there is no room (many redirects in report mode) the newest takes the
    // last report's place; an enforced one stays.
    void record(const Finding& finding);
};

class Request {
  public:
    // Finds or makes the state of r->main. Throws std::bad_alloc.
    explicit Request(ngx_http_request_t* r)
        : r_(r),
          state_(static_cast<RequestState*>(
              ngx_http_get_module_ctx(r->main, ngx_http_sallyport_module))) {
        if (state_ == nullptr) {
            state_ = find_or_make(r->main);
        }
    }
    // Only when there is state already; used where nothing may be allocated.
    static std::optional<Request> find(ngx_http_request_t* r);

    ngx_http_request_t* r() const { return r_; }
    ngx_pool_t* pool() const { return r_->pool; }
    ngx_log_t* log() const { return r_->connection->log; }
    RequestState& state() const { return *state_; }

    // The feature's own object for this request, made of `args` on first use.
    template <typename T, typename... Args>
    T& feature_state(FeatureId id, Args&&... args) const {
        void*& slot = state_->slots[static_cast<std::size_t>(id)];
        const FeatureMask bit = FeatureMask{1} << static_cast<std::size_t>(id);
        if ((state_->kept & bit) == 0) {
            slot = make<T>(std::forward<Args>(args)...);
            state_->kept |= bit;
        }
        return *static_cast<T*>(slot);
    }

    // Memory that lives as long as the request: out of the state's block, or, when that is full,
    // out of the pool. REQUIRES: alignment is at most NGX_ALIGNMENT. Throws std::bad_alloc.
    void* room(std::size_t size, std::size_t alignment = alignof(void*)) const {
        const std::size_t at = (state_->room_used + alignment - 1) & ~(alignment - 1);
        const std::size_t whole = state_->room.size();
        if (at > whole || size > whole - at) {
            return pool_room(size);
        }
        state_->room_used = static_cast<std::uint16_t>(at + size);
        return state_->room.data() + at;
    }
    // Null when the feature has made none.
    template <typename T>
    T* find_feature_state(FeatureId id) const {
        const auto i = static_cast<std::size_t>(id);
        return (state_->kept >> i & 1) == 0 ? nullptr : static_cast<T*>(state_->slots[i]);
    }

    // The one owner of the client's address: what sallyport_trust_proxy finds, else the
    // connection's, after nginx's realip module (which must stand at http or server level). Nothing
    // for clients on a unix socket.
    const IpAddress* client_address() const {
        if (!state_->client_known) {
            take_peer();
        }
        return state_->client_text.empty() ? nullptr : &state_->client;
    }
    [[gnu::hot]] std::string_view client_text() const;
    // False when a proxy that is believed wrote something that cannot be read: limits may use the
    // address, allowlists must not.
    bool client_verified() const { return state_->client_flag == policy::ClientFlag::none; }

    bool is_tls() const { return r_->connection->ssl != nullptr; }
    // The scheme the client used, through a proxy that is believed as well.
    bool is_https() const { return state_->client_https.value_or(is_tls()); }

    // The mode a feature acts in here: its own where it has one, else `sallyport_mode`'s.
    [[gnu::hot]] policy::Mode mode(std::optional<policy::Mode> own) const;

    // The enforced outcome so far; null when the request was let pass.
    const Finding* enforced() const {
        return state_->enforced < 0 ? nullptr
                                    : &state_->findings[static_cast<std::size_t>(state_->enforced)];
    }

  private:
    Request(ngx_http_request_t* r, RequestState* state) : r_(r), state_(state) {}
    template <typename T, typename... Args>
    void* make(Args&&... args) const {
        if constexpr (std::is_trivially_destructible_v<T> && alignof(T) <= NGX_ALIGNMENT) {
            return new (room(sizeof(T), alignof(T))) T(std::forward<Args>(args)...);
        } else {
            return pool_new<T>(r_->main->pool, std::forward<Args>(args)...);
        }
    }
    [[gnu::hot]] static RequestState* find_or_make(ngx_http_request_t* main);
    [[gnu::hot]] void take_peer() const;
    void take_text() const;
    void* pool_room(std::size_t size) const;
    ngx_http_request_t* r_;
    RequestState* state_;
};

// Goes on with a request that a preaccess hook suspended. Call it from the feature's own event or
// timer callback (inside `guarded`), never from the hook itself. The request may be gone
// afterwards.
void resume(ngx_http_request_t* r);

// A place for one more field at the end of a list, for the caller to fill in whole: nginx does not
// clear it. Throws std::bad_alloc.
inline ngx_table_elt_t* push_field(ngx_list_t& list) {
    ngx_list_part_t* last = list.last;
    if (last->nelts < list.nalloc) {
        return static_cast<ngx_table_elt_t*>(last->elts) + last->nelts++;
    }
    auto* field = static_cast<ngx_table_elt_t*>(ngx_list_push(&list));
    if (field == nullptr) {
        throw std::bad_alloc();
    }
    return field;
}
// A field of a response, written where it is to lie: to copy one that was just written waits for
// its parts to arrive. Borrows both.
inline void write_field(ngx_table_elt_t& field, std::string_view name, std::string_view value) {
    field = {};
    field.hash = 1;
    field.key = borrow(name);
    field.value = borrow(value);
}
// The same to be kept, as configuration does.
inline ngx_table_elt_t response_field(std::string_view name, std::string_view value) {
    ngx_table_elt_t field;
    write_field(field, name, value);
    return field;
}

// A response header field. `set_header` replaces every field of that name (or adds one), `remove`
// clears them. Values must be field values (no CR, LF); the text must live as long as the request.
void set_header(ngx_http_request_t* r, std::string_view name, std::string_view value);
inline void add_header(ngx_http_request_t* r, std::string_view name, std::string_view value) {
    write_field(*push_field(r->headers_out.headers), name, value);
}
void remove_header(ngx_http_request_t* r, std::string_view name);
// add_headers() where the list has no room for all of them.
void add_headers_by_parts(ngx_list_t& list, std::span<const ngx_table_elt_t> fields);
// Adds fields that stand ready since configuration time; they are copied, not borrowed.
inline void add_headers(ngx_http_request_t* r, std::span<const ngx_table_elt_t> fields) {
    ngx_list_t& list = r->headers_out.headers;
    ngx_list_part_t* last = list.last;
    if (fields.size() > list.nalloc - last->nelts) {
        add_headers_by_parts(list, fields);
        return;
    }
    std::copy(fields.begin(), fields.end(),
              static_cast<ngx_table_elt_t*>(last->elts) + last->nelts);
    last->nelts += fields.size();
}
bool has_header(ngx_http_request_t* r, std::string_view name);

// Request header fields called `name` (case-insensitive): writes at most `max` values, returns how
// many there are.
std::size_t request_headers(ngx_http_request_t* r, std::string_view name, std::string_view* out,
                            std::size_t max);

// The request's fields, as a list that takes more. Throws std::bad_alloc.
[[gnu::hot]] ngx_list_t& request_fields(ngx_http_request_t* r);
// Adds a field to the request as the upstream will see it.
ngx_table_elt_t* push_request_header(ngx_http_request_t* r, std::string_view name,
                                     std::string_view value);
// Removes every field whose lower-case name starts with `prefix`; does nothing when there is none.
void strip_request_headers(ngx_http_request_t* r, std::string_view prefix);
// Removes every field of that lower-case name.
void strip_request_header(ngx_http_request_t* r, std::string_view name);

// Removes every field whose hash somebody set to 0.
void drop_marked_request_headers(ngx_http_request_t* r);

// Text that lives as long as the request.
std::string_view keep(ngx_http_request_t* r, std::string_view text);

// Wall-clock time as nginx's loop last read it.
std::int64_t now_ms();

}  // namespace sallyport::ngx
