#include "module/nginx/request.hpp"

#include "common/bytes.hpp"
#include "common/socket_address.hpp"
#include "module/nginx/module.hpp"
#include "module/nginx/str.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace sallyport::ngx {
namespace {

// States that wait for a request, the one that is warmest first: what a burst needed beyond
// kStatesKept goes back to the system. Not in the request's pool, which they would overflow: that
// costs an allocation a request.
struct FreeState {
    FreeState* next;
};
constexpr std::size_t kStatesKept = 256;
FreeState* free_states = nullptr;
std::size_t free_count = 0;

// The cleanup's handler doubles as the mark by which the state is found again. RequestState is
// trivially destructible, and what hangs in its slots has cleanups of its own, which run before.
[[gnu::hot]] void state_cleanup(void* data) {
    if (free_count == kStatesKept) {
        ngx_free(data);
        return;
    }
    free_states = new (data) FreeState{free_states};
    ++free_count;
}
static_assert(std::is_trivially_destructible_v<RequestState>);
static_assert(std::is_standard_layout_v<RequestState>);
static_assert(offsetof(RequestState, client) + sizeof(IpAddress) == kCacheLine,
              "what a response looks at is one line");

void* take_state() {
    FreeState* state = free_states;
    if (state != nullptr) {
        free_states = state->next;
        --free_count;
        // For the next request.
        prefetch(free_states, offsetof(RequestState, findings) + sizeof(std::size_t));
        return state;
    }
    void* memory = ngx_memalign(alignof(RequestState), sizeof(RequestState), ngx_cycle->log);
    if (memory == nullptr) {
        throw std::bad_alloc();
    }
    return memory;
}

[[gnu::hot]] RequestState* find_state(ngx_http_request_t* main) {
    auto* state =
        static_cast<RequestState*>(ngx_http_get_module_ctx(main, ngx_http_sallyport_module));
    if (state != nullptr) {
        return state;
    }
    // An internal redirect has zeroed the slot; error finalisation as well.
    if (!main->internal && !main->filter_finalize) {
        return nullptr;
    }
    for (ngx_pool_cleanup_t* c = main->pool->cleanup; c != nullptr; c = c->next) {
        if (c->handler == state_cleanup) {
            state = static_cast<RequestState*>(c->data);
            ngx_http_set_ctx(main, state, ngx_http_sallyport_module);
            return state;
        }
    }
    return nullptr;
}

RequestState* make_state(ngx_http_request_t* main) {
    ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(main->pool, 0);
    if (cleanup == nullptr) {
        throw std::bad_alloc();
    }
    // Not RequestState(): that would clear the room as well.
    auto* state = new (take_state()) RequestState;
    cleanup->data = state;
    cleanup->handler = state_cleanup;
    ngx_http_set_ctx(main, state, ngx_http_sallyport_module);
    return state;
}

template <typename F>
void each_header(ngx_list_t& list, std::string_view name, F&& each) {
    for (ngx_list_part_t* part = &list.part; part != nullptr; part = part->next) {
        auto* headers = static_cast<ngx_table_elt_t*>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            if (headers[i].hash != 0 && headers[i].key.len == name.size() &&
                ascii_iequals(view(headers[i].key), name)) {
                each(headers[i]);
            }
        }
    }
}

}  // namespace

void RequestState::record(const Finding& finding) {
    if (!findings.full()) {
        findings.push(finding);
    } else if (enforced < 0) {
        findings[findings.size() - 1] = finding;
    } else {
        return;
    }
    if (finding.mode == policy::Mode::enforce) {
        enforced = static_cast<std::int8_t>(findings.size() - 1);
    }
}

RequestState* Request::find_or_make(ngx_http_request_t* main) {
    RequestState* state = find_state(main);
    return state != nullptr ? state : make_state(main);
}

void* Request::pool_room(std::size_t size) const {
    void* memory = ngx_palloc(r_->main->pool, size);
    if (memory == nullptr) {
        throw std::bad_alloc();
    }
    return memory;
}

std::optional<Request> Request::find(ngx_http_request_t* r) {
    RequestState* state = find_state(r->main);
    if (state == nullptr) {
        return std::nullopt;
    }
    return Request(r, state);
}

policy::Mode Request::mode(std::optional<policy::Mode> own) const {
    return own.value_or(location_conf(r_)->mode.value_or(policy::Mode::enforce));
}

void Request::take_peer() const {
    state_->client_known = true;
    const ngx_connection_t* connection = r_->connection;
    if (connection->sockaddr->sa_family == AF_INET) {
        state_->client = v4_of(*reinterpret_cast<const sockaddr_in*>(connection->sockaddr));
        // What nginx shows in its own log. IPv6-mapped IPv4 is ours to fold.
        state_->client_text = view(connection->addr_text);
    } else if (connection->sockaddr->sa_family == AF_INET6) {
        state_->client = *ip_of(connection->sockaddr);
        take_text();
    }
}

void Request::take_text() const {
    state_->client_text = keep(r_, state_->client.to_string());
}

std::string_view Request::client_text() const {
    return client_address() == nullptr ? std::string_view("unix:") : state_->client_text;
}

void add_headers_by_parts(ngx_list_t& list, std::span<const ngx_table_elt_t> fields) {
    while (!fields.empty()) {
        const std::size_t room = list.nalloc - list.last->nelts;
        if (room == 0) {
            // nginx starts a new part when it pushes one element; the rest follow in bulk.
            *push_field(list) = fields.front();
            fields = fields.subspan(1);
            continue;
        }
        const std::size_t count = std::min(room, fields.size());
        auto* end = static_cast<ngx_table_elt_t*>(list.last->elts) + list.last->nelts;
        std::memcpy(end, fields.data(), count * sizeof(ngx_table_elt_t));
        list.last->nelts += count;
        fields = fields.subspan(count);
    }
}

void set_header(ngx_http_request_t* r, std::string_view name, std::string_view value) {
    ngx_table_elt_t* first = nullptr;
    each_header(r->headers_out.headers, name, [&](ngx_table_elt_t& header) {
        if (first == nullptr) {
            first = &header;
        } else {
            header.hash = 0;
        }
    });
    if (first != nullptr) {
        first->value = borrow(value);
    } else {
        add_header(r, name, value);
    }
}

void remove_header(ngx_http_request_t* r, std::string_view name) {
    each_header(r->headers_out.headers, name, [](ngx_table_elt_t& header) { header.hash = 0; });
}

bool has_header(ngx_http_request_t* r, std::string_view name) {
    bool found = false;
    each_header(r->headers_out.headers, name, [&](ngx_table_elt_t&) { found = true; });
    return found;
}

std::size_t request_headers(ngx_http_request_t* r, std::string_view name, std::string_view* out,
                            std::size_t max) {
    std::size_t count = 0;
    each_header(r->headers_in.headers, name, [&](ngx_table_elt_t& header) {
        if (count < max) {
            out[count] = view(header.value);
        }
        ++count;
    });
    return count;
}

ngx_list_t& request_fields(ngx_http_request_t* r) {
    ngx_list_t& fields = r->headers_in.headers;
    // HTTP/0.9 has no fields, and nginx makes no list for them.
    if (fields.last == nullptr &&
        ngx_list_init(&fields, r->pool, 8, sizeof(ngx_table_elt_t)) != NGX_OK) {
        throw std::bad_alloc();
    }
    return fields;
}

ngx_table_elt_t* push_request_header(ngx_http_request_t* r, std::string_view name,
                                     std::string_view value) {
    ngx_table_elt_t* header = push_field(request_fields(r));
    *header = {};
    header->key = borrow(name);
    header->value = borrow(value);
    header->lowcase_key = copy(r->pool, name).data;
    header->hash = ngx_hash_strlow(header->lowcase_key, header->lowcase_key, name.size());
    return header;
}

namespace {

// nginx's lists cannot lose an element; a new list can. The old elements stay where they are, for
// whoever points at them.
template <typename Unwanted>
void rebuild_request_headers(ngx_http_request_t* r, Unwanted&& unwanted) {
    std::size_t total = 0;
    bool found = false;
    const ngx_list_part_t old = r->headers_in.headers.part;
    const auto each = [&old](auto&& visit) {
        for (const ngx_list_part_t* part = &old; part != nullptr; part = part->next) {
            const auto* headers = static_cast<ngx_table_elt_t*>(part->elts);
            for (ngx_uint_t i = 0; i < part->nelts; ++i) {
                visit(headers[i]);
            }
        }
    };
    each([&](const ngx_table_elt_t& header) {
        ++total;
        found = found || unwanted(header);
    });
    if (!found) {
        return;
    }
    if (ngx_list_init(&r->headers_in.headers, r->pool, total + 4, sizeof(ngx_table_elt_t)) !=
        NGX_OK) {
        throw std::bad_alloc();
    }
    each([&](const ngx_table_elt_t& header) {
        if (!unwanted(header)) {
            *static_cast<ngx_table_elt_t*>(ngx_list_push(&r->headers_in.headers)) = header;
        }
    });
}

}  // namespace

void strip_request_headers(ngx_http_request_t* r, std::string_view prefix) {
    rebuild_request_headers(r, [prefix](const ngx_table_elt_t& header) {
        return header.key.len >= prefix.size() &&
               std::memcmp(header.lowcase_key, prefix.data(), prefix.size()) == 0;
    });
}

void strip_request_header(ngx_http_request_t* r, std::string_view name) {
    rebuild_request_headers(r, [name](const ngx_table_elt_t& header) {
        return header.key.len == name.size() &&
               std::memcmp(header.lowcase_key, name.data(), name.size()) == 0;
    });
}

void drop_marked_request_headers(ngx_http_request_t* r) {
    rebuild_request_headers(r, [](const ngx_table_elt_t& header) { return header.hash == 0; });
}

std::string_view keep(ngx_http_request_t* r, std::string_view text) {
    return view(copy(r->pool, text));
}

std::int64_t now_ms() {
    const ngx_time_t* now = ngx_timeofday();
    return static_cast<std::int64_t>(now->sec) * 1000 + static_cast<std::int64_t>(now->msec);
}

}  // namespace sallyport::ngx
