#include "module/store/resp_reader.hpp"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace sallyport::store {
namespace {

// hiredis calls these for every element it meets. `privdata` is the reply under construction; what
// is returned only has to be non-null.
Reply& reply_of(const redisReadTask* task) {
    return *static_cast<Reply*>(task->privdata);
}

// An element below an array: it may only be one of the integers we ask for.
void* spoil(const redisReadTask* task) {
    reply_of(task).kind = ReplyKind::other;
    return &reply_of(task);
}

void* begin(const redisReadTask* task, ReplyKind kind) {
    Reply& reply = reply_of(task);
    reply.kind = kind;
    reply.count = 0;
    reply.set_text({});
    return &reply;
}

void* on_string(const redisReadTask* task, char* text, std::size_t size) {
    if (task->parent != nullptr) {
        return spoil(task);
    }
    ReplyKind kind = ReplyKind::other;
    if (task->type == REDIS_REPLY_ERROR) {
        kind = ReplyKind::error;
    } else if (task->type == REDIS_REPLY_STATUS) {
        kind = ReplyKind::status;
    } else if (task->type == REDIS_REPLY_STRING) {
        kind = ReplyKind::text;
    }
    begin(task, kind);
    reply_of(task).set_text({text, size});
    return &reply_of(task);
}

template <typename Count>
void* on_array(const redisReadTask* task, Count elements) {
    if (task->parent != nullptr) {
        return spoil(task);
    }
    const bool fits = elements <= static_cast<Count>(kReplyIntegersMax);
    return begin(task, fits ? ReplyKind::integers : ReplyKind::other);
}

void* on_integer(const redisReadTask* task, long long value) {
    Reply& reply = reply_of(task);
    if (task->parent == nullptr) {
        begin(task, ReplyKind::integer);
    }
    if (reply.count < kReplyIntegersMax) {
        reply.integers[reply.count++] = value;
    }
    return &reply;
}

void* on_nil(const redisReadTask* task) {
    return task->parent != nullptr ? spoil(task) : begin(task, ReplyKind::nil);
}

void on_free(void*) {}

redisReplyObjectFunctions functions() {
    redisReplyObjectFunctions all{};
    all.createString = on_string;
#if HIREDIS_MAJOR >= 1
    all.createArray = on_array<std::size_t>;
    all.createDouble = [](const redisReadTask* task, double, char*, std::size_t) -> void* {
        return task->parent != nullptr ? spoil(task) : begin(task, ReplyKind::other);
    };
    all.createBool = [](const redisReadTask* task, int) -> void* {
        return task->parent != nullptr ? spoil(task) : begin(task, ReplyKind::other);
    };
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

    redisReplyObjectFunctions calls;
    redisReader* reader;
};

RespReader::RespReader()
    : reply_(std::make_unique<Reply>()), hiredis_(std::make_unique<Hiredis>(reply_.get())) {}
RespReader::~RespReader() = default;

bool RespReader::feed(std::string_view bytes) {
    return redisReaderFeed(hiredis_->reader, bytes.data(), bytes.size()) == REDIS_OK;
}

ReadResult RespReader::next() {
    void* whole = nullptr;
    redisReader* reader = hiredis_->reader;
    if (redisReaderGetReply(reader, &whole) != REDIS_OK) {
        return ReadResult::broken;
    }
    if (whole == nullptr) {
        return reader->len - reader->pos > kReplyBytesMax ? ReadResult::broken : ReadResult::more;
    }
    return ReadResult::reply;
}

}  // namespace sallyport::store
