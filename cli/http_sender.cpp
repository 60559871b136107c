#include "cli/http_sender.hpp"

#include "common/bytes.hpp"
#include "common/contract.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <map>
#include <new>
#include <utility>

namespace sallyport::cli {
namespace {

// What the upstream answers with matters to nobody any more.
std::size_t discard(char*, std::size_t size, std::size_t count, void*) {
    return size * count;
}

}  // namespace

struct HttpSender::Transfer {
    CURL* easy = nullptr;
    curl_slist* headers = nullptr;
    std::string order;
    std::string body;

    ~Transfer() {
        curl_slist_free_all(headers);
        curl_easy_cleanup(easy);
    }
};

struct HttpSender::State {
    SenderOptions options;
    CURLM* multi = nullptr;
    std::map<CURL*, std::unique_ptr<Transfer>> transfers;
};

HttpSender::HttpSender(SenderOptions options) : state_(std::make_unique<State>()) {
    static const bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    state_->options = std::move(options);
    state_->multi = ready ? curl_multi_init() : nullptr;
    if (state_->multi == nullptr) {
        throw std::bad_alloc();
    }
}

HttpSender::~HttpSender() {
    abandon();
    curl_multi_cleanup(state_->multi);
}

std::size_t HttpSender::under_way() const {
    return state_->transfers.size();
}

void HttpSender::send(const store::SpoolItem& item) {
    auto transfer = std::make_unique<Transfer>();
    transfer->order = item.order;
    transfer->body = item.body;
    CURL* easy = transfer->easy = curl_easy_init();
    if (easy == nullptr) {
        throw std::bad_alloc();
    }
    const auto add = [&](const std::string& line) {
        transfer->headers = curl_slist_append(transfer->headers, line.c_str());
    };
    bool typed = false;
    for_each_split(item.headers, '\n', [&](std::string_view line) {
        typed = typed || ascii_iequals(line.substr(0, line.find(':')), "content-type");
        if (line.ends_with('\r')) {
            line.remove_suffix(1);
        }
        const std::size_t colon = std::min(line.find(':'), line.size());
        if (ascii_lower(line.substr(0, colon)).starts_with(contract::kHeaderPrefix)) {
            const bool verdict = ascii_iequals(line.substr(0, colon), contract::kVerdictHeader);
            const auto fresh = verdict && colon < line.size() && state_->options.renew_verdict
                                   ? state_->options.renew_verdict(trim_ows(line.substr(colon + 1)))
                                   : std::nullopt;
            if (fresh) {
                add(std::string(contract::kVerdictHeader) + ": " + *fresh);
            }
            return;
        }
        // A field without a value is written with a semicolon, or curl would remove it.
        if (line.ends_with(": ")) {
            add(std::string(line.substr(0, line.size() - 2)) + ";");
        } else if (!line.empty()) {
            add(std::string(line));
        }
    });
    add("Idempotency-Key: " + item.key);
    add("Expect:");
    if (!typed) {
        add("Content-Type:");  // or curl would call it a form
    }
    // Whatever the text is, it is a path: it never becomes a part of the host.
    const std::string url =
        state_->options.base + (item.uri.starts_with('/') ? "" : "/") + item.uri;
    curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, item.method.c_str());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer->body.data());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(transfer->body.size()));
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, state_->options.timeout_ms);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    if (curl_multi_add_handle(state_->multi, easy) != CURLM_OK) {
        throw std::bad_alloc();
    }
    state_->transfers.emplace(easy, std::move(transfer));
}

void HttpSender::run(int wait_ms, const Finished& finished) {
    int running = 0;
    curl_multi_perform(state_->multi, &running);
    curl_multi_poll(state_->multi, nullptr, 0, wait_ms, nullptr);
    curl_multi_perform(state_->multi, &running);
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(state_->multi, &left)) {
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        CURL* easy = message->easy_handle;
        const CURLcode code = message->data.result;
        long status = 0;
        if (code == CURLE_OK) {
            curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        }
        curl_multi_remove_handle(state_->multi, easy);
        const auto found = state_->transfers.find(easy);
        const auto transfer = std::move(found->second);
        state_->transfers.erase(found);
        finished(transfer->order, status);
    }
}

void HttpSender::abandon() {
    for (const auto& [easy, transfer] : state_->transfers) {
        curl_multi_remove_handle(state_->multi, easy);
    }
    state_->transfers.clear();
}

}  // namespace sallyport::cli
