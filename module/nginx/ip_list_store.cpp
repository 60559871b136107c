#include "module/nginx/ip_list_store.hpp"

#include "module/store/ip_list_commands.hpp"
#include "module/store/redis_slot.hpp"

namespace sallyport::ngx {
namespace {

// As of files: four million blocks at the longest common text.
constexpr std::size_t kListBytesMax = std::size_t{256} << 20;
constexpr std::int64_t kBudgetMs = 2'000;

}  // namespace

ListLook::ListLook(Taker& taker, RedisStore& store, std::string key)
    : taker_(taker),
      store_(store),
      key_(std::move(key)),
      version_key_(store::list_version_key(key_)) {
    RedisCall::write = ListLook::write;
    RedisCall::done = ListLook::done;
    budget_ms = kBudgetMs;
}

void ListLook::start(ngx_cycle_t* cycle, const std::string& known, const std::string& failed,
                     bool force) {
    if (pending()) {
        return;
    }
    // Workers make their clients when they start; the process that refreshes lists is none.
    if (store_.client == nullptr) {
        store_.client = RedisClient::make(store_.target, cycle);
        store_.client->open();
    }
    known_ = known;
    failed_ = failed;
    force_ = force;
    ask(Step::version);
}

void ListLook::ask(Step step) {
    step_ = step;
    const bool piece = step == Step::piece;
    script = piece ? &store::ip_list_script() : nullptr;
    slot = store::key_slot(piece ? key_ : version_key_);
    if (!store_.client->submit(*this)) {
        text_ = {};
    }
}

void ListLook::write(const RedisCall& call, std::string& out) {
    const auto& self = static_cast<const ListLook&>(call);
    if (self.step_ == Step::piece) {
        store::append_list_piece(out, self.key_, self.cursor_);
    } else {
        store::append_list_version(out, self.version_key_);
    }
}

void ListLook::done(RedisCall& call, const store::Reply* reply) {
    auto& self = static_cast<ListLook&>(call);
    if (reply == nullptr || reply->kind == store::ReplyKind::error) {
        self.text_ = {};
        if (reply != nullptr) {
            self.taker_.no_list("the store says: " + std::string(reply->text()));
        }
        return;
    }
    switch (self.step_) {
        case Step::version:
            self.version_came(*reply);
            return;
        case Step::piece:
            self.piece_came(*reply);
            return;
        case Step::version_again:
            self.version_came_again(*reply);
            return;
    }
}

void ListLook::version_came(const store::Reply& reply) {
    auto version = store::parse_list_version(reply);
    if (!version || !version->known || version->text.empty()) {
        taker_.no_list("the key \"" + version_key_ +
                       "\" holds no version; set it, last, whenever the list changes");
        return;
    }
    if ((version->text == known_ || version->text == failed_) && !force_) {
        return;
    }
    version_ = std::move(version->text);
    cursor_ = "0";
    text_.clear();
    ask(Step::piece);
}

void ListLook::piece_came(const store::Reply& reply) {
    const auto piece = store::parse_list_piece(reply);
    const bool set = piece && piece->type == "set";
    if (!set && !(piece && piece->type == "string")) {
        text_ = {};
        taker_.no_list(
            "the key \"" + key_ + "\" holds " +
            (piece ? std::string(piece->type) : std::string("nothing that can be read")) +
            "; a list is a string of lines or a set of blocks");
        return;
    }
    if (text_.size() + piece->text.size() > kListBytesMax) {
        text_ = {};
        taker_.no_list("the key \"" + key_ + "\" holds more than " + std::to_string(kListBytesMax) +
                       " bytes");
        return;
    }
    text_ += piece->text;
    if (set) {
        text_ += '\n';
    }
    cursor_ = piece->next;
    ask(cursor_ == "0" ? Step::version_again : Step::piece);
}

// A list that changed while it was read may be half old and half new: the next look takes it.
void ListLook::version_came_again(const store::Reply& reply) {
    const auto version = store::parse_list_version(reply);
    const std::string text = std::move(text_);
    text_ = {};
    if (version && version->known && version->text == version_) {
        taker_.whole_list(text, version_, force_);
    }
}

}  // namespace sallyport::ngx
