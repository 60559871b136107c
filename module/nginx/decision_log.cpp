#include "module/nginx/decision_log.hpp"

#include "module/nginx/decision_chain.hpp"
#include "module/nginx/redact.hpp"
#include "module/nginx/str.hpp"

#include <string>

namespace sallyport::ngx {
namespace {

// A longer path or host says nothing more about a decision.
constexpr std::size_t kTextBytesMax = 512;

class JsonLine {
  public:
    void text(std::string_view name, std::string_view value) {
        key(name);
        line_.push_back('"');
        escape(value.substr(0, kTextBytesMax));
        line_.push_back('"');
    }
    void number(std::string_view name, std::int64_t value) {
        key(name);
        line_.append(std::to_string(value));
    }
    void open_list(std::string_view name) {
        key(name);
        line_.push_back('[');
        fresh_ = true;
    }
    void close_list() {
        line_.push_back(']');
        fresh_ = false;
    }
    void open() {
        if (!fresh_) {
            line_.push_back(',');
        }
        line_.push_back('{');
        fresh_ = true;
    }
    void close() {
        line_.push_back('}');
        fresh_ = false;
    }
    std::string& line() { return line_; }

  private:
    void key(std::string_view name) {
        if (!fresh_) {
            line_.push_back(',');
        }
        fresh_ = false;
        line_.push_back('"');
        line_.append(name);
        line_.append("\":");
    }
    // Bytes above 0x7e are escaped as U+00XX, so that a line is valid UTF-8 whatever a client sent.
    void escape(std::string_view value) {
        static constexpr char kHex[] = "0123456789abcdef";
        for (const char c : value) {
            const auto byte = static_cast<unsigned char>(c);
            if (byte == '"' || byte == '\\') {
                line_.push_back('\\');
                line_.push_back(c);
            } else if (byte < 0x20 || byte > 0x7e) {
                line_.append("\\u00");
                line_.push_back(kHex[byte >> 4]);
                line_.push_back(kHex[byte & 15]);
            } else {
                line_.push_back(c);
            }
        }
    }
    std::string line_;
    bool fresh_ = true;
};

std::string timestamp(std::int64_t ms) {
    const time_t seconds = static_cast<time_t>(ms / 1000);
    ngx_tm_t tm;
    ngx_gmtime(seconds, &tm);
    char text[32];
    std::snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.ngx_tm_year,
                  tm.ngx_tm_mon, tm.ngx_tm_mday, tm.ngx_tm_hour, tm.ngx_tm_min, tm.ngx_tm_sec,
                  static_cast<int>(ms % 1000));
    return text;
}

void write_finding(JsonLine& json, const Finding& finding) {
    json.text("feature", features()[static_cast<std::size_t>(finding.feature)]->name);
    json.text("verdict", word(finding.decision.verdict));
    json.text("reason", word(finding.decision.reason));
    json.text("mode", word(finding.mode));
    json.text("rule", finding.rule);
}

void write_request(JsonLine& json, Request& request) {
    const ngx_http_request_t* r = request.r();
    json.text("client", request.client_text());
    if (!request.client_verified()) {
        json.text("client_flag", word(request.state().client_flag));
        json.text("client_claim", request.state().client_claim);
    }
    json.text("method", view(r->method_name));
    json.text("host", view(r->headers_in.server));
    json.text("path", redacted_path(request));
    json.text("scheme", request.is_https() ? "https" : "http");
    json.number("status", static_cast<std::int64_t>(r->err_status != 0 ? r->err_status
                                                                       : r->headers_out.status));
    json.number("duration_ms", now_ms() - (static_cast<std::int64_t>(r->start_sec) * 1000 +
                                           static_cast<std::int64_t>(r->start_msec)));
    if (r->upstream != nullptr && r->upstream->state != nullptr) {
        json.number("upstream_status", static_cast<std::int64_t>(r->upstream->state->status));
    }
    const RequestState& state = request.state();
    if (!state.verified_by.empty()) {
        json.text("verified_by", state.verified_by);
        json.text("delivery", state.delivery_id);
    }
}

// All who write one file write one chain.
Status take_chain(DirectiveCall& call, DecisionLog& log) {
    auto& main = *static_cast<MainConf*>(call.main);
    for (const DecisionLog* other : main.decision_logs) {
        if (other->file != log.file) {
            continue;
        }
        if (other->chain_key != log.chain_key) {
            return Error{"\"" + std::string(call.arg(0)) +
                         "\" is written with another chain= elsewhere; write the same everywhere"};
        }
        log.chain = other->chain;
        return Done{};
    }
    if (!log.chain_key.empty()) {
        const auto chain = DecisionChain::make(call.cf, view(log.file->name), log.chain_key);
        if (!chain) {
            return chain.error();
        }
        log.chain = *chain;
    }
    main.decision_logs.push_back(&log);
    return Done{};
}

}  // namespace

Status set_decision_log(DirectiveCall& call) {
    auto* location = static_cast<LocationConf*>(call.location);
    if (location->decision_log) {
        return Error{"is given twice at the same level; keep one"};
    }
    if (call.arg(0) == "off") {
        if (call.size() > 1) {
            return Error{"\"off\" takes nothing after it"};
        }
        location->decision_log = nullptr;
        return Done{};
    }
    auto* log = pool_new<DecisionLog>(call.cf->pool);
    bool chosen = false;
    for (std::size_t i = 1; i < call.size(); ++i) {
        const std::string_view word = call.arg(i);
        const auto key = option(word, "chain");
        if (key && !key->empty() && log->chain_key.empty()) {
            log->chain_key = *key;
        } else if (!chosen && (word == "all" || word == "refused")) {
            chosen = true;
            log->refused_only = word == "refused";
        } else {
            return Error{"unknown parameter \"" + std::string(word) +
                         "\"; write all or refused, and chain=FILE, each once"};
        }
    }
    ngx_str_t path = copy(call.cf->pool, call.arg(0));
    log->file = ngx_conf_open_file(call.cf->cycle, &path);
    if (log->file == nullptr) {
        return Error{"\"" + std::string(call.arg(0)) + "\" cannot be opened"};
    }
    const Status chained = take_chain(call, *log);
    if (!chained) {
        return chained;
    }
    location->decision_log = log;
    return Done{};
}

void write_decision_line(const DecisionLog& log, Request& request) {
    const std::span<const Finding> found = request.state().findings.all();
    const Finding* enforced = request.enforced();
    if (log.refused_only && found.empty()) {
        return;
    }
    JsonLine json;
    json.open();
    json.text("time", timestamp(now_ms()));
    write_request(json, request);
    if (enforced != nullptr) {
        write_finding(json, *enforced);
    } else {
        json.text("verdict", "allow");
        json.text("reason", "none");
    }
    if (found.size() > (enforced != nullptr ? 1 : 0)) {
        json.open_list("also");
        for (const Finding& finding : found) {
            if (&finding != enforced) {
                json.open();
                write_finding(json, finding);
                json.close();
            }
        }
        json.close_list();
    }
    if (log.file->fd == NGX_INVALID_FILE) {
        return;
    }
    if (log.chain != nullptr) {
        log.chain->write(log.file->fd, json.line());
        return;
    }
    json.close();
    json.line().push_back('\n');
    (void)ngx_write_fd(log.file->fd, json.line().data(), json.line().size());
}

}  // namespace sallyport::ngx
