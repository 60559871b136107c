#include "module/nginx/ban_sync.hpp"

#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "module/nginx/guard.hpp"

#include <array>

namespace sallyport::ngx {

using policy::BanSaid;
using policy::BanWord;

namespace {

// How often a node asks what others said: the time in which a ban is everywhere.
constexpr ngx_msec_t kTurnMs = 250;
constexpr std::size_t kWordsSaidAtOnce = 32;
constexpr std::size_t kWordsHeardAtOnce = 500;
// Outcomes on their way to the store, about 200 bytes each. Beyond it they are counted here only.
constexpr std::size_t kStrikesMax = 256;
// Nobody waits for these answers; a slow store is not an outage.
constexpr std::int64_t kBudgetMs = 1'000;
constexpr std::size_t kEpochBytes = 12;

std::string random_name() {
    std::array<std::uint8_t, kEpochBytes> bytes;
    random_bytes(bytes.data(), bytes.size());
    return hex_encode(bytes.data(), bytes.size());
}

}  // namespace

BanSync::BanSync(BanZone& zone, RedisStore& store, ngx_cycle_t* cycle)
    : zone_(zone), store_(store), log_(cycle->log), fresh_(random_name()) {
    dummy_.fd = static_cast<ngx_socket_t>(-1);
    timer_.handler = [](ngx_event_t* event) noexcept {
        auto* self = static_cast<BanSync*>(static_cast<ngx_connection_t*>(event->data)->data);
        guarded(event->log, "ban exchange", [&] { self->turn(); });
    };
    dummy_.data = this;
    timer_.data = &dummy_;
    timer_.log = log_;
    timer_.cancelable = 1;
    talk_.sync = this;
    talk_.write = write_talk;
    talk_.done = talk_done;
    prepare(talk_);
    arm();
}

BanSync::~BanSync() {
    if (timer_.timer_set) {
        ngx_del_timer(&timer_);
    }
    RedisClient::cancel(talk_);
    for (const auto& strike : strikes_) {
        RedisClient::cancel(*strike);
    }
}

void BanSync::prepare(RedisCall& call) const {
    call.script = &store::ban_script();
    call.slot = store::ban_slot();
    call.budget_ms = kBudgetMs;
}

void BanSync::arm() {
    if (!timer_.timer_set) {
        ngx_add_timer(&timer_, kTurnMs);
    }
}

void BanSync::count(const policy::BanRule& rule, const policy::BanSubject& subject) {
    if (store_.client == nullptr || !store_.client->available()) {
        return;
    }
    if (free_.empty()) {
        if (strikes_.size() == kStrikesMax) {
            return;
        }
        free_.reserve(strikes_.size() + 1);
        strikes_.push_back(std::make_unique<Strike>());
        Strike& made = *strikes_.back();
        made.sync = this;
        made.write = write_strike;
        made.done = strike_done;
        prepare(made);
        free_.push_back(&made);
    }
    Strike& strike = *free_.back();
    strike.rule = &rule;
    strike.subject = subject;
    if (store_.client->submit(strike)) {
        free_.pop_back();
    }
}

void BanSync::write_strike(const RedisCall& call, std::string& out) {
    const auto& strike = static_cast<const Strike&>(call);
    store::append_ban_strike(out, strike.sync->fresh_, *strike.rule, strike.subject);
}

void BanSync::strike_done(RedisCall& call, const store::Reply* reply) {
    auto& strike = static_cast<Strike&>(call);
    BanSync& self = *strike.sync;
    self.free_.push_back(&strike);
    const auto word =
        reply == nullptr ? std::nullopt : store::parse_ban_strike(*reply, self.zone_.prefixes());
    if (word) {
        self.take(*word);
    }
}

void BanSync::turn() {
    if (ngx_exiting != 0) {
        return;  // a call on its way would keep the worker alive
    }
    arm();
    if (store_.client != nullptr && store_.client->available() && !talk_.pending() &&
        zone_.take_turn(static_cast<std::int64_t>(kTurnMs)) && !say()) {
        pull();
    }
}

void BanSync::say_soon() {
    if (store_.client != nullptr && store_.client->available() && !talk_.pending()) {
        say();
    }
}

// False when there is nothing to say.
bool BanSync::say() {
    talk_.entries = zone_.unheard(kWordsSaidAtOnce);
    talk_.saying = true;
    if (talk_.entries.empty()) {
        return false;
    }
    static_cast<void>(store_.client->submit(talk_));  // refused: said in a later turn
    return true;
}

void BanSync::pull() {
    const auto [epoch, number] = zone_.hearing();
    talk_.heard = {epoch, number.empty() ? "0" : number};
    talk_.saying = false;
    static_cast<void>(store_.client->submit(talk_));
}

void BanSync::write_talk(const RedisCall& call, std::string& out) {
    const auto& talk = static_cast<const Talk&>(call);
    const BanSync& self = *talk.sync;
    if (!talk.saying) {
        store::append_ban_pull(out, self.fresh_, talk.heard, kWordsHeardAtOnce);
        return;
    }
    std::vector<BanWord> words;
    words.reserve(talk.entries.size());
    for (const policy::BanEntry& entry : talk.entries) {
        words.push_back(BanZone::word_of(entry));  // now: ages grow while a call waits
    }
    store::append_ban_say(out, self.fresh_, words);
}

void BanSync::talk_done(RedisCall& call, const store::Reply* reply) {
    auto& talk = static_cast<Talk&>(call);
    BanSync& self = *talk.sync;
    if (reply == nullptr || reply->kind == store::ReplyKind::error) {
        return;
    }
    if (talk.saying) {
        self.zone_.heard(talk.entries);
        if (!self.say()) {
            self.pull();
        }
        return;
    }
    if (const auto news = store::parse_ban_pull(*reply, self.zone_.prefixes())) {
        self.hear(*news);
        if (news->more) {
            self.pull();
        }
    }
}

void BanSync::hear(const store::BanNews& news) {
    zone_.hear(news.heard.epoch, news.heard.number);
    for (const BanWord& word : news.words) {
        take(word);
    }
    if (news.strange != 0 && !strangers_logged_) {
        strangers_logged_ = true;
        ngx_log_error(NGX_LOG_WARN, log_, 0,
                      "sallyport: store \"%s\" holds %uz bans that mean nothing here; do all nodes "
                      "have the same prefixes in sallyport_ban_zone?",
                      store_.target.spec.name.c_str(), news.strange);
    }
}

void BanSync::take(const BanWord& word) {
    if (!zone_.take(word)) {
        return;
    }
    const std::string time =
        word.left_ms >= policy::kBanForever ? "ever" : std::to_string(word.left_ms / 1000) + " s";
    ngx_log_error(NGX_LOG_NOTICE, log_, 0,
                  "sallyport: ban \"%s\": %s is banned for %s (shared, ban number %ui)",
                  word.rule.c_str(), policy::to_string(word.subject).c_str(), time.c_str(),
                  ngx_uint_t{word.level} + 1);
}

}  // namespace sallyport::ngx
