#include "module/nginx/redis_connection.hpp"

#include "common/prefetch.hpp"
#include "module/nginx/guard.hpp"
#include "module/store/resp_writer.hpp"

#include <algorithm>
#include <array>

namespace sallyport::ngx {

using store::ReadResult;
using store::Reply;
using store::ReplyKind;

namespace {

// Calls on their way at once, those included whose requests have gone. Beyond it Redis is not
// keeping up and another command would only wait.
constexpr std::size_t kPendingMax = 8'192;
// Bytes that the socket did not take yet: kPendingMax commands of common size. One command may be
// larger than that (a spooled delivery) and is then alone.
constexpr std::size_t kOutBytesMax = 4 * 1024 * 1024;
// How soon a call is sent again that a node has put off while its slot is on the move.
constexpr std::int64_t kAgainMs = 2;
// Errors that a command met although the server is well are logged no more often than this.
constexpr ngx_msec_t kErrorQuietMs = 60'000;

// Errors that say that the server cannot serve anybody, or not us.
constexpr std::array<std::string_view, 14> kOutages = {
    "LOADING",    "READONLY", "OOM",       "NOAUTH",     "NOPERM",   "MISCONF", "CLUSTERDOWN",
    "MASTERDOWN", "BUSY ",    "WRONGPASS", "NOREPLICAS", "TRYAGAIN", "MOVED",   "ASK"};

bool is_outage(const Reply& reply) {
    return std::any_of(kOutages.begin(), kOutages.end(),
                       [&](std::string_view code) { return reply.is_error(code); });
}

std::int64_t now_msec() {
    return static_cast<std::int64_t>(ngx_current_msec);
}

}  // namespace

template <void (RedisConnection::*Method)()>
void RedisConnection::timer_handler(ngx_event_t* event) noexcept {
    auto* self = static_cast<RedisConnection*>(event->data);
    guarded(self->log_, "Redis timer", [&] { (self->*Method)(); });
}

RedisConnection::RedisConnection(Owner& owner, RedisTarget& target, Peer peer, std::string label,
                                 ngx_cycle_t* cycle)
    : owner_(owner),
      target_(target),
      peer_(peer),
      label_(std::move(label)),
      log_(cycle->log),
      socket_(*this, cycle->log),
      breaker_(target.spec.breaker) {
    const auto prepare = [&](ngx_event_t& event, ngx_event_handler_pt handler, bool cancelable) {
        event.handler = handler;
        event.data = this;
        event.log = log_;
        event.cancelable = cancelable ? 1 : 0;
    };
    prepare(budget_timer_, timer_handler<&RedisConnection::on_budget>, false);
    prepare(deadline_timer_, timer_handler<&RedisConnection::on_deadline>, true);
    prepare(retry_timer_, timer_handler<&RedisConnection::find>, true);
    prepare(again_timer_, timer_handler<&RedisConnection::on_again>, true);
}

// Whoever still waits is not called: the worker ends.
RedisConnection::~RedisConnection() {
    disconnect();
    for (RedisCall* call : failed_) {
        if (call != nullptr) {
            call->place = RedisCall::Place::idle;
        }
    }
    for (ngx_event_t* timer : {&budget_timer_, &retry_timer_, &again_timer_}) {
        if (timer->timer_set) {
            ngx_del_timer(timer);
        }
    }
}

void RedisConnection::arm(ngx_event_t& timer, std::int64_t after_ms) {
    if (timer.timer_set) {
        ngx_del_timer(&timer);  // or nginx would keep a deadline that is off by less than 300 ms
    }
    ngx_add_timer(&timer, static_cast<ngx_msec_t>(std::max<std::int64_t>(after_ms, 1)));
}

[[gnu::hot]] void RedisConnection::arm_budget(std::int64_t deadline_ms) {
    if (!budget_timer_.timer_set ||
        static_cast<std::int64_t>(budget_timer_.timer.key) > deadline_ms) {
        arm(budget_timer_, deadline_ms - now_msec());
    }
}

void RedisConnection::open() {
    find();
}

void RedisConnection::find() {
    state_ = State::finding;
    owner_.find_address(*this);
}

void RedisConnection::connect_to(const RedisAddress& address) {
    if (state_ != State::finding) {
        return;
    }
    reader_ = std::make_unique<store::RespReader>();
    state_ = State::connecting;
    arm(deadline_timer_, target_.spec.connect_timeout_ms);
    if (!socket_.open(address, target_)) {
        drop("cannot connect");
    }
}

void RedisConnection::failed(const std::string& why) {
    if (state_ == State::finding) {
        drop(why);
    }
}

void RedisConnection::drop(const std::string& why) {
    disconnect();
    trip(why);
}

void RedisConnection::socket_opened() {
    state_ = State::greeting;
    greet();
}

void RedisConnection::say(Kind kind, std::initializer_list<std::string_view> words) {
    store::append_command(socket_.out(), {words.begin(), words.size()});
    pending_.push_back({.kind = kind});
}

void RedisConnection::become_ready() {
    state_ = State::ready;
    if (deadline_timer_.timer_set) {
        ngx_del_timer(&deadline_timer_);
    }
    const bool was_open = breaker_.close();
    if (was_open) {
        ngx_log_error(NGX_LOG_NOTICE, log_, 0, "sallyport: store %s answers again", label_.c_str());
    }
    send_waiting();
    if (was_open) {
        owner_.availability_changed(*this);
    }
}

void RedisConnection::send_waiting() {
    std::deque<RedisCall*> waiting;
    waiting.swap(waiting_);
    for (RedisCall* call : waiting) {
        if (call != nullptr) {
            send(*call);
        }
    }
}

// The budget's timer looks through the waiting calls as well.
void RedisConnection::again(RedisCall& call) {
    call.place = RedisCall::Place::waiting;
    waiting_.push_back(&call);
    arm_budget(call.deadline_ms);
    if (!again_timer_.timer_set) {
        arm(again_timer_, kAgainMs);
    }
}

void RedisConnection::on_again() {
    if (state_ == State::ready) {
        send_waiting();
    }
}

// Closes the socket and forgets what was on its way; waiting callers move to failed_.
void RedisConnection::disconnect() {
    if (deadline_timer_.timer_set) {
        ngx_del_timer(&deadline_timer_);
    }
    socket_.close();
    state_ = State::down;
    ++session_;
    release_all();
}

void RedisConnection::release_all() {
    first_ticket_ += pending_.size();
    std::deque<Entry> pending;
    pending.swap(pending_);
    std::deque<RedisCall*> waiting;
    waiting.swap(waiting_);
    for (const Entry& one : pending) {
        if (one.call != nullptr) {
            fail(*one.call);
        }
    }
    for (RedisCall* call : waiting) {
        if (call != nullptr) {
            fail(*call);
        }
    }
}

void RedisConnection::fail(RedisCall& call) {
    call.place = RedisCall::Place::failed;
    failed_.push_back(&call);
}

// Callers are told one by one, and what they do may end other requests: those cancel themselves out
// of the list meanwhile.
void RedisConnection::deliver_failures() {
    for (std::size_t i = 0; i < failed_.size(); ++i) {
        RedisCall* call = failed_[i];
        failed_[i] = nullptr;
        if (call != nullptr) {
            call->place = RedisCall::Place::idle;
            call->done(*call, nullptr);
        }
    }
    failed_.clear();
}

[[gnu::hot]] bool RedisConnection::submit(RedisCall& call) {
    if (breaker_.open() || state_ == State::down ||
        pending_.size() + waiting_.size() >= kPendingMax || socket_.backlog() > kOutBytesMax) {
        return false;
    }
    call.connection = this;
    arm_budget(call.deadline_ms);
    if (state_ == State::ready) {
        send(call);
    } else {
        call.place = RedisCall::Place::waiting;
        waiting_.push_back(&call);
    }
    return true;
}

[[gnu::hot]] void RedisConnection::send(RedisCall& call) {
    if (call.asking) {
        say(Kind::ignored, {"ASKING"});
    }
    call.write(call, socket_.out());
    call.place = RedisCall::Place::sent;
    call.ticket = first_ticket_ + pending_.size();
    pending_.push_back({.kind = Kind::call, .call = &call});
    socket_.flush_soon();
}

void RedisConnection::cancel(RedisCall& call) {
    const RedisCall::Place place = call.place;
    call.place = RedisCall::Place::idle;
    if (place == RedisCall::Place::sent) {
        entry(call.ticket).call = nullptr;
    } else if (place == RedisCall::Place::waiting) {
        std::replace(waiting_.begin(), waiting_.end(), &call, static_cast<RedisCall*>(nullptr));
    } else if (place == RedisCall::Place::failed) {
        std::replace(failed_.begin(), failed_.end(), &call, static_cast<RedisCall*>(nullptr));
    }
}

void RedisConnection::pop() {
    pending_.pop_front();
    ++first_ticket_;
}

// A reply may lead to disconnect(), even to a new connection: the reader is then another.
[[gnu::hot]] void RedisConnection::socket_received(std::string_view bytes) {
    const std::uint64_t session = session_;
    fetch_call(0);
    fetch_call(1);
    if (!reader_->feed(bytes)) {
        socket_.close();
        socket_lost("broken reply");
        return;
    }
    while (session == session_) {
        const ReadResult result = reader_->next();
        if (result == ReadResult::more) {
            return;
        }
        if (result == ReadResult::broken || pending_.empty()) {
            socket_.close();
            socket_lost("broken reply");
            return;
        }
        fetch_call(2);
        expect(1);
        on_reply(reader_->reply());
    }
}

// Answers come in batches, and what their calls left in memory a while ago has gone to slow caches:
// it is fetched while the answers before them are worked on.
[[gnu::hot]] void RedisConnection::expect(std::size_t next) const {
    if (next < pending_.size()) {
        const RedisCall* call = pending_[next].call;
        if (call != nullptr && call->expect != nullptr) {
            call->expect(*call);
        }
    }
}

[[gnu::hot]] void RedisConnection::fetch_call(std::size_t next) const {
    if (next < pending_.size() && pending_[next].call != nullptr) {
        prefetch(pending_[next].call, sizeof(RedisCall));
    }
}

[[gnu::hot]] void RedisConnection::on_reply(const Reply& reply) {
    const Entry done = pending_.front();
    pop();
    switch (done.kind) {
        case Kind::greeting:
        case Kind::last_greeting:
            greeted(done.kind, reply);
            return;
        case Kind::probe:
            // A cluster's node that sends us elsewhere, and a user who may not write this key, are
            // answers.
            if (reply.kind == ReplyKind::error && !reply.is_error("MOVED") &&
                !reply.is_error("ASK") && !reply.is_error("NOPERM")) {
                drop(std::string(reply.text()));
            } else {
                become_ready();
            }
            return;
        case Kind::loading:
        case Kind::ignored:
            return;
        case Kind::call:
            if (done.call != nullptr) {
                on_call_reply(*done.call, reply);
            }
            // The timer outlasts the calls it was set for; a worker that shuts down waits for it.
            if (ngx_exiting != 0 && idle() && budget_timer_.timer_set) {
                ngx_del_timer(&budget_timer_);
            }
            return;
    }
}

[[gnu::hot]] void RedisConnection::on_call_reply(RedisCall& call, const Reply& reply) {
    if (reply.is_error("NOSCRIPT") && call.script != nullptr && !call.script_sent &&
        retry_with_script(call)) {
        return;
    }
    call.place = RedisCall::Place::idle;
    if (reply.kind == ReplyKind::error) {
        const Redirected redirected = owner_.redirect(*this, call, reply);
        if (redirected == Redirected::taken) {
            return;
        }
        if (redirected == Redirected::failed) {
            call.done(call, nullptr);
            return;
        }
        if (is_outage(reply)) {
            const std::string why(reply.text());
            fail(call);
            if (reply.is_error("READONLY")) {
                drop(why);  // a master no longer: look for the new one
            } else {
                fail_decision(why);
            }
            deliver_failures();
            return;
        }
        note_error(reply);
    }
    breaker_.succeeded();
    call.done(call, &reply);
}

void RedisConnection::note_error(const Reply& reply) {
    if (ngx_current_msec >= quiet_until_) {
        quiet_until_ = ngx_current_msec + kErrorQuietMs;
        const std::string text(reply.text());
        ngx_log_error(NGX_LOG_ERR, log_, 0, "sallyport: store %s refuses a command: %s",
                      label_.c_str(), text.c_str());
    }
}

// The server has forgotten the script (restart, SCRIPT FLUSH): one load serves all that follow.
bool RedisConnection::retry_with_script(RedisCall& call) {
    if (call.deadline_ms <= now_msec() || pending_.size() + 2 > kPendingMax) {
        return false;
    }
    const bool loading = std::any_of(pending_.begin(), pending_.end(), [&](const Entry& one) {
        return one.kind == Kind::loading && one.script == call.script;
    });
    if (!loading) {
        say(Kind::loading, {"SCRIPT", "LOAD", call.script->text});
        pending_.back().script = call.script;
    }
    call.script_sent = true;
    send(call);
    return true;
}

// One timer for all: it is set when somebody waits and looks through the queues when it fires.
void RedisConnection::on_budget() {
    const std::int64_t now = now_msec();
    std::int64_t earliest = 0;
    std::size_t expired = 0;
    const auto look = [&](RedisCall*& call) {
        if (call == nullptr) {
            return;
        }
        if (call->deadline_ms <= now) {
            fail(*call);
            call = nullptr;
            ++expired;
        } else if (earliest == 0 || call->deadline_ms < earliest) {
            earliest = call->deadline_ms;
        }
    };
    for (Entry& one : pending_) {
        look(one.call);
    }
    for (RedisCall*& call : waiting_) {
        look(call);
    }
    if (earliest != 0) {
        arm(budget_timer_, earliest - now);
    }
    for (; expired > 0; --expired) {
        fail_decision("no answer within the budget");
    }
    deliver_failures();
}

void RedisConnection::on_deadline() {
    drop(state_ == State::probing ? "no answer within the budget" : "connect timeout");
}

// The server has closed, or cannot be understood. An established connection may be made anew at
// once; one that never got ready waits.
void RedisConnection::socket_lost(const std::string& why) {
    const bool was_ready = state_ == State::ready;
    disconnect();
    const bool too_many = !failed_.empty() && breaker_.failed();
    if (was_ready && !too_many) {
        find();
        deliver_failures();
        return;
    }
    trip(why);
}

void RedisConnection::fail_decision(const std::string& why) {
    if (breaker_.failed()) {
        drop(why);
    }
}

void RedisConnection::trip(const std::string& why) {
    const bool was_closed = breaker_.trip();
    if (was_closed && peer_ != Peer::sentinel) {
        ngx_log_error(NGX_LOG_ERR, log_, 0,
                      "sallyport: store %s is not available (%s); what needs it goes on as its "
                      "configuration says",
                      label_.c_str(), why.c_str());
    }
    if (!retry_timer_.timer_set) {
        arm(retry_timer_, breaker_.next_backoff_ms(static_cast<std::uint32_t>(ngx_random())));
    }
    if (was_closed) {
        owner_.availability_changed(*this);
    }
    deliver_failures();
}

}  // namespace sallyport::ngx
