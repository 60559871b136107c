#include "module/store/resp_reader.hpp"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>

namespace sallyport::store {
namespace {

// hiredis calls these for every element it meets. `privdata` is the reply under construction; what
// is returned only has to be non-null.
Reply& reply_of(const redisReadTask* task) {
    return *static_cast<Reply*>(task->privdata);
}

void* begin(const redisReadTask* task, ReplyKind kind) {
    Reply& reply = reply_of(task);
    reply.reset();
    reply.kind = kind;
    return &reply;
}

// An element below an array: null, which ends the stream, when the tree has no room for it.
void* below(const redisReadTask* task, ReplyKind kind, std::int64_t integer,
            std::string_view text) {
    Reply& reply = reply_of(task);
    return reply.promote() && reply.grow(kind, integer, text) ? &reply : nullptr;
}

ReplyKind string_kind(const redisReadTask* task) {
    switch (task->type) {
        case REDIS_REPLY_ERROR:
            return ReplyKind::error;
        case REDIS_REPLY_STATUS:
            return ReplyKind::status;
        case REDIS_REPLY_STRING:
            return ReplyKind::text;
        default:
            return ReplyKind::other;
    }
}

void* on_string(const redisReadTask* task, char* text, std::size_t size) {
    const ReplyKind kind = string_kind(task);
    if (task->parent != nullptr) {
        return below(task, kind, 0, {text, size});
    }
    begin(task, kind);
    reply_of(task).set_text({text, size});
    return &reply_of(task);
}

template <typename Count>
void* on_array(const redisReadTask* task, Count elements) {
    const auto count = static_cast<std::int64_t>(elements);
    if (task->parent != nullptr) {
        return below(task, ReplyKind::array, count, {});
    }
    begin(task, ReplyKind::integers);
    Reply& reply = reply_of(task);
    reply.declared = count;
    const bool fits = count <= static_cast<std::int64_t>(kReplyIntegersMax);
    return fits || reply.promote() ? &reply : nullptr;
}

void* on_integer(const redisReadTask* task, long long value) {
    Reply& reply = reply_of(task);
    if (task->parent == nullptr) {
        begin(task, ReplyKind::integer);
    } else if (reply.kind == ReplyKind::array) {
        return below(task, ReplyKind::integer, value, {});
    }
    reply.integers[reply.count++] = value;
    return &reply;
}

void* on_nil(const redisReadTask* task) {
    return task->parent != nullptr ? below(task, ReplyKind::nil, 0, {})
                                   : begin(task, ReplyKind::nil);
}

#if HIREDIS_MAJOR >= 1
void* on_other(const redisReadTask* task) {
    return task->parent != nullptr ? below(task, ReplyKind::other, 0, {})
                                   : begin(task, ReplyKind::other);
}
#endif

void on_free(void*) {}

redisReplyObjectFunctions functions() {
    redisReplyObjectFunctions all{};
    all.createString = on_string;
#if HIREDIS_MAJOR >= 1
    all.createArray = on_array<std::size_t>;
    all.createDouble = [](const redisReadTask* task, double, char*, std::size_t) {
        return on_other(task);
    };
    all.createBool = [](const redisReadTask* task, int) { return on_other(task); };
#else
    all.createArray = on_array<int>;
#endif
    all.createInteger = on_integer;
    all.createNil = on_nil;
    all.freeObject = on_free;
    return all;
}

}  // namespace

void Reply::set_text(std::string_view text) {
    text_size_ = std::min(text.size(), text_.size());
    if (text_size_ > 0) {
        std::memcpy(text_.data(), text.data(), text_size_);
    }
}

[[gnu::hot]] void Reply::reset() {
    count = 0;
    declared = 0;
    text_size_ = 0;
    nodes_.clear();
    arena_.clear();
}

bool Reply::grow(ReplyKind node_kind, std::int64_t integer, std::string_view text) {
    if (nodes_.size() == limits.nodes || arena_.size() + text.size() > limits.tree_bytes) {
        return false;
    }
    nodes_.push_back({node_kind, integer, arena_.size(), text.size()});
    arena_.append(text);
    return true;
}

// From integers kept in place to a tree.
bool Reply::promote() {
    if (kind == ReplyKind::array) {
        return true;
    }
    kind = ReplyKind::array;
    bool room = grow(ReplyKind::array, declared, {});
    for (std::size_t i = 0; i < count && room; ++i) {
        room = grow(ReplyKind::integer, integers[i], {});
    }
    count = 0;
    return room;
}

struct RespReader::Hiredis {
    Hiredis(Reply* reply) : calls(functions()), reader(redisReaderCreateWithFunctions(&calls)) {
        if (reader == nullptr) {
            throw std::bad_alloc();
        }
        reader->privdata = reply;
    }
    ~Hiredis() { redisReaderFree(reader); }
    Hiredis(const Hiredis&) = delete;
    Hiredis& operator=(const Hiredis&) = delete;

    // In the middle of a reply, or with more behind one.
    bool waits() const { return reader->ridx >= 0 || reader->pos < reader->len; }

    redisReplyObjectFunctions calls;
    redisReader* reader;
};

RespReader::RespReader(const ReplyLimits& limits)
    : reply_(std::make_unique<Reply>()), hiredis_(std::make_unique<Hiredis>(reply_.get())) {
    reply_->limits = limits;
}
RespReader::~RespReader() = default;

[[gnu::hot]] bool RespReader::feed(std::string_view bytes) {
    if (hiredis_->waits()) {
        return redisReaderFeed(hiredis_->reader, bytes.data(), bytes.size()) == REDIS_OK;
    }
    if (at_ == fed_.size()) {
        fed_.clear();
        at_ = 0;
    }
    fed_.append(bytes);
    return true;
}

// The rest is not what read_integers() reads, or not whole.
bool RespReader::hand_over() {
    const std::string_view rest = std::string_view(fed_).substr(at_);
    const bool fed =
        rest.empty() || redisReaderFeed(hiredis_->reader, rest.data(), rest.size()) == REDIS_OK;
    fed_.clear();
    at_ = 0;
    return fed;
}

namespace {

// More could overflow: those are for hiredis to judge.
constexpr std::ptrdiff_t kDigitsMax = 18;

// A number and the end of its line. REQUIRES: `at` points into what ends with a zero, which no line
// has. Null: it is something else, or not whole.
[[gnu::always_inline]] inline const char* read_line(const char* at, std::int64_t& out) {
    const bool negative = *at == '-';
    at += negative ? 1 : 0;
    const char* const first = at;
    std::uint64_t value = 0;
    for (unsigned digit = 0; (digit = static_cast<unsigned char>(*at) - unsigned{'0'}) <= 9; ++at) {
        value = value * 10 + digit;
    }
    if (at == first || at - first > kDigitsMax || at[0] != '\r' || at[1] != '\n') {
        return nullptr;
    }
    const auto magnitude = static_cast<std::int64_t>(value);
    out = negative ? -magnitude : magnitude;
    return at + 2;
}

}  // namespace

[[gnu::hot]] bool RespReader::read_integers() {
    const char* at = fed_.c_str() + at_;
    std::int64_t count = 0;
    if (*at != '*' || (at = read_line(at + 1, count)) == nullptr || count < 1 ||
        count > static_cast<std::int64_t>(kReplyIntegersMax)) {
        return false;
    }
    Reply& reply = *reply_;
    reply.reset();
    reply.kind = ReplyKind::integers;
    reply.declared = count;
    for (std::int64_t i = 0; i < count; ++i) {
        std::int64_t value = 0;
        if (*at != ':' || (at = read_line(at + 1, value)) == nullptr) {
            return false;
        }
        reply.integers[static_cast<std::size_t>(i)] = value;
    }
    reply.count = static_cast<std::size_t>(count);
    at_ = static_cast<std::size_t>(at - fed_.data());
    return true;
}

[[gnu::hot]] ReadResult RespReader::next() {
    if (!fed_.empty()) {
        if (read_integers()) {
            return ReadResult::reply;
        }
        if (!hand_over()) {
            return ReadResult::broken;
        }
    }
    void* whole = nullptr;
    redisReader* reader = hiredis_->reader;
    if (redisReaderGetReply(reader, &whole) != REDIS_OK) {
        return ReadResult::broken;
    }
    if (whole == nullptr) {
        return reader->len - reader->pos > reply_->limits.element_bytes ? ReadResult::broken
                                                                        : ReadResult::more;
    }
    return ReadResult::reply;
}

}  // namespace sallyport::store
