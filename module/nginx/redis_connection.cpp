#include "module/nginx/redis_connection.hpp"

#include "module/nginx/guard.hpp"
#include "module/nginx/str.hpp"
#include "module/store/resp_writer.hpp"

namespace sallyport::ngx {

using store::CheckReply;
using store::ReadResult;
using store::Reply;

namespace {

// Decisions on their way at once, those included whose requests have gone. Beyond it Redis is not
// keeping up and another command would only wait.
constexpr std::size_t kPendingMax = 8'192;
// Bytes that the socket did not take yet: kPendingMax commands of common size.
constexpr std::size_t kOutBytesMax = 4 * 1024 * 1024;
// Memory that stays with an idle connection.
constexpr std::size_t kOutBytesKept = 64 * 1024;
constexpr std::size_t kReadBytes = 16 * 1024;

// The probe takes one step of a microsecond from a bucket of its own: it proves that the server
// answers scripts and accepts writes, and leaves nothing behind after a millisecond or two.
store::Check probe_check() {
    static const store::LimitWire wire = store::make_wire("probe", {1'000, 1'000'000'000});
    store::Check check{&wire, {}};
    check.key.fill('0');
    return check;
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

template <void (RedisConnection::*Method)()>
void RedisConnection::socket_handler(ngx_event_t* event) noexcept {
    auto* self = static_cast<RedisConnection*>(static_cast<ngx_connection_t*>(event->data)->data);
    guarded(self->log_, "Redis connection", [&] { (self->*Method)(); });
}

RedisConnection::RedisConnection(const RedisTarget& target, ngx_cycle_t* cycle)
    : target_(target), log_(cycle->log), quiet_log_(*cycle->log), breaker_(target.spec.breaker) {
    quiet_log_.log_level = NGX_LOG_ALERT;
    const auto prepare = [&](ngx_event_t& event, ngx_event_handler_pt handler, bool cancelable) {
        event.handler = handler;
        event.data = this;
        event.log = &quiet_log_;
        event.cancelable = cancelable ? 1 : 0;
    };
    prepare(budget_timer_, timer_handler<&RedisConnection::on_budget>, false);
    prepare(deadline_timer_, timer_handler<&RedisConnection::on_deadline>, true);
    prepare(retry_timer_, timer_handler<&RedisConnection::connect>, true);
    prepare(flush_event_, timer_handler<&RedisConnection::flush>, false);
}

RedisConnection::~RedisConnection() {
    disconnect();
    for (ngx_event_t* timer : {&budget_timer_, &retry_timer_}) {
        if (timer->timer_set) {
            ngx_del_timer(timer);
        }
    }
}

void RedisConnection::arm(ngx_event_t& timer, std::int64_t after_ms) {
    if (timer.timer_set) {
        ngx_del_timer(&timer);  // or nginx would keep a deadline that is off by less than 300 ms
    }
    ngx_add_timer(&timer, static_cast<ngx_msec_t>(after_ms));
}

void RedisConnection::open() {
    connect();
}

void RedisConnection::connect() {
    const ngx_addr_t& address = target_.addresses[next_address_++ % target_.addresses.size()];
    ngx_peer_connection_t peer{};
    peer.sockaddr = address.sockaddr;
    peer.socklen = address.socklen;
    ngx_str_t text = address.name;
    peer.name = &text;
    peer.get = ngx_event_get_peer;
    peer.log = &quiet_log_;
    peer.log_error = NGX_ERROR_ERR;

    const ngx_int_t rc = ngx_event_connect_peer(&peer);
    if (rc != NGX_OK && rc != NGX_AGAIN) {
        if (peer.connection != nullptr) {
            ngx_close_connection(peer.connection);
        }
        trip("cannot connect");
        return;
    }
    connection_ = peer.connection;
    connection_->data = this;
    connection_->log = &quiet_log_;
    connection_->read->handler = socket_handler<&RedisConnection::on_read>;
    connection_->write->handler = socket_handler<&RedisConnection::on_write>;
    if (address.sockaddr->sa_family != AF_UNIX) {
        ngx_tcp_nodelay(connection_);
    }
    reader_ = std::make_unique<store::RespReader>();
    state_ = State::connecting;
    arm(deadline_timer_, target_.spec.connect_timeout_ms);
    greet();
    if (rc == NGX_OK) {
        on_write();
    }
}

// Queued before anything else: requests that come while the socket connects follow behind.
void RedisConnection::greet() {
    const store::RedisSpec& spec = target_.spec;
    const auto say = [&](std::initializer_list<std::string_view> words) {
        store::append_command(out_, {words.begin(), words.size()});
        push({Kind::greeting, false, 0, nullptr});
    };
    if (!target_.password.empty()) {
        out_secret_ = true;
        if (spec.user.empty()) {
            say({"AUTH", target_.password.reveal()});
        } else {
            say({"AUTH", spec.user, target_.password.reveal()});
        }
    }
    if (spec.database != 0) {
        say({"SELECT", std::to_string(spec.database)});
    }
    store::append_script_load(out_);
    push({Kind::script, false, 0, nullptr});
    script_loading_ = true;
}

void RedisConnection::send_probe() {
    state_ = State::probing;
    const store::Check check = probe_check();
    store::append_check(out_, std::span(&check, 1));
    push({Kind::probe, false, 0, nullptr});
    arm(deadline_timer_, target_.spec.budget_ms);
    flush();
}

void RedisConnection::become_ready() {
    state_ = State::ready;
    if (deadline_timer_.timer_set) {
        ngx_del_timer(&deadline_timer_);
    }
    if (breaker_.close()) {
        ngx_log_error(NGX_LOG_NOTICE, log_, 0, "sallyport: store \"%s\" answers again", name());
    }
}

// Closes the socket and forgets what was on its way; pending callers move to failed_.
void RedisConnection::disconnect() {
    if (deadline_timer_.timer_set) {
        ngx_del_timer(&deadline_timer_);
    }
    if (flush_event_.posted) {
        ngx_delete_posted_event(&flush_event_);
    }
    if (connection_ != nullptr) {
        ngx_close_connection(connection_);
        connection_ = nullptr;
    }
    if (out_secret_) {
        wipe(out_.data(), out_.size());
        out_secret_ = false;
    }
    out_.clear();
    out_sent_ = 0;
    script_loading_ = false;
    state_ = State::down;
    release_all();
}

void RedisConnection::release_all() {
    first_ticket_ += pending_.size();
    for (const Entry& one : pending_) {
        if (one.call != nullptr) {
            one.call->ticket = 0;
            failed_.push_back(one.call);
        }
    }
    pending_.clear();
}

// Callers are told one by one, and what they do may end other requests: those cancel themselves out
// of the list meanwhile.
void RedisConnection::deliver_failures() {
    for (std::size_t i = 0; i < failed_.size(); ++i) {
        StoreCall* call = failed_[i];
        failed_[i] = nullptr;
        if (call != nullptr) {
            call->connection = nullptr;
            call->done(*call, nullptr);
        }
    }
    failed_.clear();
}

bool RedisConnection::submit(StoreCall& call) {
    if (breaker_.open() || connection_ == nullptr || pending_.size() >= kPendingMax ||
        out_.size() - out_sent_ > kOutBytesMax) {
        return false;
    }
    store::append_check(out_, {call.checks.data(), call.count});
    call.connection = this;
    call.ticket = first_ticket_ + pending_.size();
    push({Kind::check, false, now_msec() + target_.spec.budget_ms, &call});
    if (!budget_timer_.timer_set) {
        arm(budget_timer_, target_.spec.budget_ms);
    }
    if (state_ != State::connecting && !flush_event_.posted) {
        ngx_post_event(&flush_event_, &ngx_posted_events);
    }
    return true;
}

void RedisConnection::cancel(StoreCall& call) {
    call.connection = nullptr;
    if (call.ticket != 0) {
        entry(call.ticket).call = nullptr;
        return;
    }
    for (StoreCall*& one : failed_) {
        if (one == &call) {
            one = nullptr;
        }
    }
}

void RedisConnection::push(const Entry& entry) {
    pending_.push_back(entry);
}

void RedisConnection::pop() {
    pending_.pop_front();
    ++first_ticket_;
}

void RedisConnection::on_write() {
    if (state_ == State::connecting) {
        int error = 0;
        socklen_t size = sizeof error;
        if (getsockopt(connection_->fd, SOL_SOCKET, SO_ERROR, &error, &size) == -1 || error != 0) {
            disconnect();
            trip("cannot connect");
            return;
        }
        state_ = State::greeting;
    }
    flush();
}

void RedisConnection::flush() {
    if (connection_ == nullptr || state_ == State::connecting) {
        return;
    }
    while (out_sent_ < out_.size()) {
        const ssize_t sent =
            connection_->send(connection_, reinterpret_cast<u_char*>(out_.data()) + out_sent_,
                              out_.size() - out_sent_);
        if (sent == NGX_AGAIN) {
            break;
        }
        if (sent <= 0) {
            lost("connection lost");
            return;
        }
        out_sent_ += static_cast<std::size_t>(sent);
    }
    if (out_sent_ == out_.size()) {
        if (out_secret_) {
            wipe(out_.data(), out_.size());
            out_secret_ = false;
        }
        out_.clear();
        out_sent_ = 0;
        if (out_.capacity() > kOutBytesKept) {
            out_.shrink_to_fit();
        }
    }
    if (out_sent_ > kOutBytesKept) {
        out_.erase(0, out_sent_);
        out_sent_ = 0;
    }
    if (ngx_handle_write_event(connection_->write, 0) != NGX_OK) {
        lost("connection lost");
    }
}

void RedisConnection::on_read() {
    if (state_ == State::connecting) {
        on_write();  // an error or the end of connecting: the write side tells which
    }
    u_char buffer[kReadBytes];
    while (connection_ != nullptr) {
        const ssize_t size = connection_->recv(connection_, buffer, sizeof buffer);
        if (size == NGX_AGAIN) {
            break;
        }
        if (size <= 0) {
            lost("connection lost");
            return;
        }
        if (!reader_->feed({reinterpret_cast<char*>(buffer), static_cast<std::size_t>(size)})) {
            lost("broken reply");
            return;
        }
        // A reply may lead to disconnect(): the reader stays until the next connect().
        while (connection_ != nullptr) {
            const ReadResult result = reader_->next();
            if (result == ReadResult::more) {
                break;
            }
            if (result == ReadResult::broken || pending_.empty()) {
                lost("broken reply");
                return;
            }
            on_reply(reader_->reply());
        }
    }
    if (connection_ != nullptr && ngx_handle_read_event(connection_->read, 0) != NGX_OK) {
        lost("connection lost");
    }
}

void RedisConnection::on_reply(const Reply& reply) {
    const Entry done = pending_.front();
    pop();
    switch (done.kind) {
        case Kind::greeting:
        case Kind::script:
            if (done.kind == Kind::script) {
                script_loading_ = false;
            }
            if (reply.kind == store::ReplyKind::error) {
                const std::string why(reply.text());
                disconnect();
                trip(why.c_str());
            } else if (done.kind == Kind::script && state_ == State::greeting) {
                if (breaker_.open()) {
                    send_probe();
                } else {
                    become_ready();
                }
            }
            return;
        case Kind::probe: {
            const store::Check check = probe_check();
            if (store::parse_check(reply, std::span(&check, 1))) {
                become_ready();
            } else {
                const std::string why(reply.text());
                disconnect();
                trip(why.c_str());
            }
            return;
        }
        case Kind::check:
            on_check_reply(done, reply);
            return;
    }
}

void RedisConnection::on_check_reply(const Entry& done, const Reply& reply) {
    if (done.call == nullptr) {
        return;  // the request has gone, or was answered without us
    }
    StoreCall& call = *done.call;
    if (reply.is_error("NOSCRIPT") && !done.retried && retry_with_script(done)) {
        return;
    }
    const auto answer = store::parse_check(reply, {call.checks.data(), call.count});
    call.connection = nullptr;
    if (answer) {
        breaker_.succeeded();
        const CheckReply copy = *answer;
        call.done(call, &copy);
        return;
    }
    const std::string why = reply.kind == store::ReplyKind::error ? std::string(reply.text())
                                                                  : std::string("strange reply");
    call.connection = this;
    call.ticket = 0;
    failed_.push_back(&call);
    fail_decision(why.c_str());
    deliver_failures();
}

// The server has forgotten the script (restart, SCRIPT FLUSH): one load serves all that follow.
bool RedisConnection::retry_with_script(const Entry& done) {
    if (done.deadline_ms <= now_msec() || pending_.size() + 2 > kPendingMax) {
        return false;
    }
    if (!script_loading_) {
        store::append_script_load(out_);
        push({Kind::script, false, 0, nullptr});
        script_loading_ = true;
    }
    store::append_check(out_, {done.call->checks.data(), done.call->count});
    done.call->ticket = first_ticket_ + pending_.size();
    push({Kind::check, true, done.deadline_ms, done.call});
    if (!flush_event_.posted) {
        ngx_post_event(&flush_event_, &ngx_posted_events);
    }
    return true;
}

// One timer for all: it is set when somebody waits and looks through the queue when it fires.
void RedisConnection::on_budget() {
    const std::int64_t now = now_msec();
    std::int64_t earliest = 0;
    std::size_t expired = 0;
    for (Entry& one : pending_) {
        if (one.call == nullptr) {
            continue;
        }
        if (one.deadline_ms <= now) {
            one.call->ticket = 0;
            failed_.push_back(one.call);
            one.call = nullptr;
            ++expired;
        } else if (earliest == 0 || one.deadline_ms < earliest) {
            earliest = one.deadline_ms;
        }
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
    const char* why = state_ == State::probing ? "no answer within the budget" : "connect timeout";
    disconnect();
    trip(why);
}

// The server has closed, or cannot be understood. An established connection may be made anew at
// once; one that never got ready waits.
void RedisConnection::lost(const char* why) {
    const bool was_ready = state_ == State::ready;
    disconnect();
    const bool too_many = !failed_.empty() && breaker_.failed();
    if (was_ready && !too_many) {
        connect();
        deliver_failures();
        return;
    }
    trip(why);
}

void RedisConnection::fail_decision(const char* why) {
    if (breaker_.failed()) {
        disconnect();
        trip(why);
    }
}

void RedisConnection::trip(const char* why) {
    if (breaker_.trip()) {
        ngx_log_error(NGX_LOG_ERR, log_, 0,
                      "sallyport: store \"%s\" is not available (%s); limits go on as their "
                      "on_store_error says",
                      name(), why);
    }
    arm(retry_timer_, breaker_.next_backoff_ms(static_cast<std::uint32_t>(ngx_random())));
    deliver_failures();
}

}  // namespace sallyport::ngx
