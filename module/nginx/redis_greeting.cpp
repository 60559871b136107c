// What a connection to a Redis says first: who we are, which database, and whether the other side
// is what it should be; and the probe of a server that was away.
#include "module/nginx/redis_connection.hpp"
#include "module/store/redis_topology.hpp"

namespace sallyport::ngx {

using store::Reply;
using store::ReplyKind;

namespace {

// Room for a greeting: the password is not copied about while the buffer grows.
constexpr std::size_t kGreetingBytes = 4 * 1024;

}  // namespace

void RedisConnection::greet() {
    const store::RedisSpec& spec = target_.spec;
    const bool sentinel = peer_ == Peer::sentinel;
    const std::string& user = sentinel ? spec.sentinel_user : spec.user;
    const Secret& password = (sentinel ? target_.sentinel_password : target_.password).look(log_);
    if (!password.empty()) {
        socket_.out().reserve(kGreetingBytes);
        socket_.mark_secret();
        if (user.empty()) {
            say(Kind::greeting, {"AUTH", password.reveal()});
        } else {
            say(Kind::greeting, {"AUTH", user, password.reveal()});
        }
    }
    if (spec.database != 0 && !sentinel) {
        say(Kind::greeting, {"SELECT", std::to_string(spec.database)});
    }
    // The last answer also says that the server is not loading, and who it is.
    if (peer_ == Peer::master) {
        say(Kind::last_greeting, {"ROLE"});
    } else {
        say(Kind::last_greeting, {"PING"});
    }
    socket_.flush_soon();
}

void RedisConnection::greeted(Kind kind, const Reply& reply) {
    // A user may lack PING or ROLE; to be told so is an answer too.
    if (reply.kind == ReplyKind::error &&
        !(kind == Kind::last_greeting && reply.is_error("NOPERM"))) {
        if (reply.is_error("WRONGPASS") || reply.is_error("NOAUTH") || reply.is_error("ERR AUTH") ||
            reply.is_error("ERR invalid password")) {
            (peer_ == Peer::sentinel ? target_.sentinel_password : target_.password).refused();
        }
        drop(std::string(reply.text()));
        return;
    }
    if (kind != Kind::last_greeting) {
        return;
    }
    const std::string_view role = store::parse_role(reply);
    if (!role.empty() && role != "master") {
        drop("the server is no master, its role is " + std::string(role));
        return;
    }
    if (breaker_.open() && peer_ != Peer::sentinel) {
        send_probe();
    } else {
        become_ready();
    }
}

// The probe leaves nothing behind: it proves that the server answers and accepts writes.
void RedisConnection::send_probe() {
    state_ = State::probing;
    say(Kind::probe, {"SET", "sallyport:{probe}", "1", "PX", "1"});
    arm(deadline_timer_, target_.spec.budget_ms);
    socket_.flush_soon();
}

}  // namespace sallyport::ngx
