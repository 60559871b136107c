#include "module/nginx/explain.hpp"

#include "module/nginx/hypothetical_request.hpp"
#include "module/nginx/module.hpp"
#include "module/nginx/str.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

namespace sallyport::ngx {
namespace {

using policy::Mode;
using policy::Verdict;

// Descriptions come from operators; these bounds keep a mistake small.
constexpr std::size_t kHeadersMax = 100;
constexpr std::size_t kAnswerBytesMax = 16384;

struct Context {
    ngx_cycle_t* cycle = nullptr;
    std::optional<std::string_view> body;
};
Context context;

class ContextScope {
  public:
    ContextScope(ngx_cycle_t* cycle, std::optional<std::string_view> body) {
        context = {cycle, body};
    }
    ~ContextScope() { context = {}; }
    ContextScope(const ContextScope&) = delete;
    ContextScope& operator=(const ContextScope&) = delete;
};

Status take_text(const Json& from, std::string_view name, std::string& out) {
    const Json value = from[name];
    if (!value.exists()) {
        return Done{};
    }
    if (!value.is_string() || value.text().size() > kAnswerBytesMax ||
        value.text().find('\0') != std::string_view::npos) {
        return Error{std::string(name) + " must be a text of at most " +
                     std::to_string(kAnswerBytesMax) + " bytes"};
    }
    out = value.text();
    return Done{};
}

// A port is a number to whoever writes JSON, and a text on a command line.
Status take_listen(const Json& from, std::string& out) {
    constexpr std::int64_t kPortMax = 65535;
    const Json listen = from["listen"];
    if (!listen.exists() || listen.is_string()) {
        return take_text(from, "listen", out);
    }
    const std::int64_t port = listen.integer_or(0);
    if (!listen.is_integer() || port < 1 || port > kPortMax) {
        return Error{"listen must be a port from 1 to 65535, or the path of a unix: socket"};
    }
    out = std::to_string(port);
    return Done{};
}

Status take_headers(const Json& headers, RequestDescription& out) {
    if (!headers.exists()) {
        return Done{};
    }
    bool good = headers.is_array() && headers.size() <= kHeadersMax;
    headers.each_element([&](const Json& pair) {
        good = good && pair.is_array() && pair.size() == 2 && pair.at(0).is_string() &&
               pair.at(1).is_string() && pair.at(1).text().size() <= kAnswerBytesMax;
        if (good) {
            out.headers.emplace_back(pair.at(0).text(), pair.at(1).text());
        }
    });
    return good ? Status(Done{})
                : Status(Error{"headers must be a list of at most " + std::to_string(kHeadersMax) +
                               " pairs [name, value]"});
}

Status check_members(const Json& description) {
    constexpr std::array<std::string_view, 7> known = {"method",  "url", "address", "listen",
                                                       "headers", "tls", "body"};
    std::string unknown;
    description.each_member([&](std::string_view name, const Json&) {
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            unknown = name;
        }
    });
    return unknown.empty() ? Status(Done{})
                           : Status(Error{"\"" + unknown +
                                          "\" is unknown; write method, url, address, listen, "
                                          "headers, tls, body"});
}

Result<RequestDescription> describe(const Json& description) {
    RequestDescription out;
    std::string tls = "TLSv1.3";
    Status status = check_members(description);
    for (const auto& [name, to] :
         std::initializer_list<std::pair<const char*, std::string*>>{{"method", &out.method},
                                                                     {"url", &out.url},
                                                                     {"address", &out.address},
                                                                     {"tls", &tls}}) {
        status = status.ok() ? take_text(description, name, *to) : status;
    }
    status = status.ok() ? take_listen(description, out.listen) : status;
    status = status.ok() ? take_headers(description["headers"], out) : status;
    if (!status) {
        return status.error();
    }
    if (tls != "TLSv1.2" && tls != "TLSv1.3") {
        return Error{"tls must be TLSv1.2 or TLSv1.3"};
    }
    out.tls_1_2 = tls == "TLSv1.2";
    return out;
}

Json decision_of(const HookResult& result) {
    Json out = Json::object({{"verdict", Json::string(word(result.decision.verdict))},
                             {"status", Json::integer(result.decision.status)},
                             {"reason", Json::string(word(result.decision.reason))},
                             {"mode", Json::string(word(result.mode))},
                             {"rule", Json::string(result.rule)}});
    if (result.decision.retry_after_s != 0) {
        out.set("retry_after_s", Json::integer(result.decision.retry_after_s));
    }
    return out;
}

bool says_something(const HookResult& result) {
    return result.kind == HookResult::Kind::decided && result.decision.verdict != Verdict::allow &&
           result.mode != Mode::off;
}

// Asks the features of one stage and writes down what they said.
class Interview {
  public:
    Interview(Request& request, Json& steps) : request_(request), steps_(steps) {}

    // Also features whose hook has nothing to say here: an operator may want their facts.
    void ask(Stage stage, const LocationConf& location) {
        constexpr std::array words = {"server", "location", "counting", "response"};
        for (std::size_t i = 0; i < kFeatureCount; ++i) {
            const Feature& feature = *features()[i];
            if ((location.active_mask >> i & 1) == 0 || !has_hook(feature, stage)) {
                continue;
            }
            Json step =
                Json::object({{"feature", Json::string(feature.name)},
                              {"stage", Json::string(words[static_cast<std::size_t>(stage)])}});
            if (feature.explain == nullptr) {
                if (stage != Stage::response) {
                    step.set("explained", Json::boolean(false));
                    steps_.append(step);
                }
                continue;
            }
            Json facts = Json::array();
            const HookResult result = feature.explain(request_, location.slots[i], stage, facts);
            if (stage == Stage::response && facts.size() == 0) {
                continue;
            }
            const bool decided = says_something(result);
            step.set("decision", decided ? decision_of(result) : Json::null());
            if (facts.size() != 0) {
                step.set("facts", facts);
            }
            if (decision_ || (nginx_answers_ && stage != Stage::response)) {
                step.set("reached", Json::boolean(false));
            } else if (decided && result.mode == Mode::enforce) {
                decision_ = result;
                feature_ = feature.name;
            }
            steps_.append(step);
        }
    }

    // nginx answers before it asks about the location.
    void nginx_answers() { nginx_answers_ = true; }

    const std::optional<HookResult>& decision() const { return decision_; }
    std::string_view feature() const { return feature_; }

  private:
    Request& request_;
    Json& steps_;
    std::optional<HookResult> decision_;
    std::string_view feature_;
    bool nginx_answers_ = false;
};

Json response_headers(ngx_http_request_t* r) {
    Json out = Json::array();
    for (ngx_list_part_t* part = &r->headers_out.headers.part; part != nullptr; part = part->next) {
        const auto* headers = static_cast<const ngx_table_elt_t*>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            if (headers[i].hash != 0 && headers[i].value.len != 0) {
                Json pair = Json::array();
                pair.append(Json::string(view(headers[i].key)));
                pair.append(Json::string(view(headers[i].value)));
                out.append(pair);
            }
        }
    }
    return out;
}

Json location_of(ngx_http_request_t* r, bool found) {
    const auto* core = static_cast<const ngx_http_core_loc_conf_t*>(
        ngx_http_get_module_loc_conf(r, ngx_http_core_module));
    const char* match = core->regex != nullptr ? "regex"
                        : core->exact_match    ? "exact"
                        : core->name.len == 0  ? "none"
                                               : "prefix";
    Json out =
        Json::object({{"name", Json::string(view(core->name))}, {"match", Json::string(match)}});
    if (!found) {
        out.set("note", Json::string("nginx redirects to the same path and a slash"));
    }
    if (core->internal) {
        out.set("note", Json::string("internal: a client gets 404"));
    }
    return out;
}

Json request_of(Request& request, const HypotheticalRequest& what) {
    const ngx_http_request_t* r = request.r();
    return Json::object({{"method", Json::string(view(r->method_name))},
                         {"scheme", Json::string(request.is_https() ? "https" : "http")},
                         {"host", Json::string(view(r->headers_in.server))},
                         {"path", Json::string(view(r->uri))},
                         {"client", Json::string(request.client_text())},
                         {"listen", Json::string(what.listen())},
                         {"server", Json::string(what.server_name())}});
}

Result<Json> interview(HypotheticalRequest& what) {
    ngx_http_request_t* r = what.r();
    Request request(r);
    Json steps = Json::array();
    Interview interview(request, steps);
    const LocationConf& server = *location_conf(r);
    interview.ask(Stage::server, server);
    const auto found = what.enter_location();
    if (!found) {
        return found.error();
    }
    const auto* core = static_cast<const ngx_http_core_loc_conf_t*>(
        ngx_http_get_module_loc_conf(r, ngx_http_core_module));
    if (!*found || core->internal) {
        interview.nginx_answers();
    }
    const LocationConf& location = *location_conf(r);
    interview.ask(Stage::location, location);
    interview.ask(Stage::counting, location);
    interview.ask(Stage::response, location);
    const auto& decision = interview.decision();
    Json out = Json::object(
        {{"request", request_of(request, what)},
         {"location", location_of(r, *found)},
         {"verdict", Json::string(word(decision ? decision->decision.verdict : Verdict::allow))}});
    if (decision) {
        out.set("by", Json::string(interview.feature()));
        out.set("decision", decision_of(*decision));
    }
    out.set("steps", steps);
    out.set("response_headers", response_headers(r));
    return out;
}

}  // namespace

void* explained_main(FeatureId id) {
    return feature_main(context.cycle, id);
}
std::optional<std::string_view> explained_body() {
    return context.body;
}

Result<Json> explain(ngx_cycle_t* cycle, ngx_log_t* log, const Json& description) {
    const auto what = describe(description);
    if (!what) {
        return what.error();
    }
    const Json body = description["body"];
    if (body.exists() && !body.is_string()) {
        return Error{"body must be a text"};
    }
    const auto request = HypotheticalRequest::make(cycle, log, *what);
    if (!request) {
        return request.error();
    }
    const ContextScope scope(cycle, body.exists() ? std::optional(body.text()) : std::nullopt);
    return interview(**request);
}

void explain_from_environment(ngx_cycle_t* cycle) {
    const char* text = std::getenv("SALLYPORT_EXPLAIN");
    if (text == nullptr || ngx_test_config == 0) {
        return;
    }
    const auto description = Json::parse(text);
    const Result<Json> answer =
        description ? explain(cycle, cycle->log, *description) : Result<Json>(description.error());
    const Json out = answer ? *answer : Json::object({{"error", Json::string(answer.message())}});
    std::printf("%s\n", out.dump().c_str());
    std::fflush(stdout);
}

}  // namespace sallyport::ngx
