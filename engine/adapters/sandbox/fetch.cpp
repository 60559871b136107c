#include "engine/adapters/sandbox/fetch.hpp"

#include "common/bytes.hpp"
#include "common/json.hpp"

#include <utility>

namespace sallyport::engine {
namespace {

// More fields than any API asks for.
constexpr std::size_t kFieldsMax = 100;
constexpr unsigned kRedirectsMax = 5;

}  // namespace

Result<HttpRequest> request_from_fetch(jsbox::FetchFrame frame) {
    const Result<Json> head = Json::parse(frame.head);
    if (!head.ok() || !head->is_object()) {
        return Error{"the request is malformed"};
    }
    HttpRequest request;
    request.method = std::string((*head)["method"].text());
    request.url = std::string((*head)["url"].text());
    if (!is_token(request.method) || request.url.empty()) {
        return Error{"the request has no method or no URL"};
    }
    const Json fields = (*head)["headers"];
    if (fields.size() > kFieldsMax) {
        return Error{"the request has too many header fields"};
    }
    bool sound = true;
    fields.each_element([&](const Json& field) {
        const std::string_view name = field.at(0).text();
        const std::string_view value = field.at(1).text();
        sound = sound && field.size() == 2 && is_token(name) && is_field_value(value);
        request.headers.push_back({std::string(name), std::string(value)});
    });
    if (!sound) {
        return Error{"a header field of the request is malformed"};
    }
    request.redirects_max = (*head)["redirect"].text_or("follow") == "follow" ? kRedirectsMax : 0;
    request.response_bytes_max = jsbox::kFetchBodyBytesMax;
    request.body = std::move(frame.body);
    return request;
}

jsbox::FetchReplyFrame refuse_fetch(std::uint64_t run_id, std::uint32_t call_id, std::string why) {
    jsbox::FetchReplyFrame reply;
    reply.run_id = run_id;
    reply.call_id = call_id;
    reply.head = std::move(why);
    return reply;
}

jsbox::FetchReplyFrame reply_to_fetch(std::uint64_t run_id, std::uint32_t call_id,
                                      HttpOutcome outcome, const std::string& requested) {
    if (const auto* failure = std::get_if<HttpFailure>(&outcome)) {
        return refuse_fetch(run_id, call_id,
                            std::string(to_string(failure->error)) + ": " + failure->message);
    }
    HttpResponse& response = std::get<HttpResponse>(outcome);
    Json fields = Json::array();
    for (const HttpHeader& field : response.headers) {
        if (!is_token(field.name) || !is_field_value(field.value)) {
            continue;  // the script's Headers would refuse it
        }
        Json pair = Json::array();
        pair.append(Json::string(field.name));
        pair.append(Json::string(field.value));
        fields.append(pair);
    }
    const Json head = Json::object({{"status", Json::integer(response.status)},
                                    {"statusText", Json::string("")},
                                    {"url", Json::string(response.url)},
                                    {"redirected", Json::boolean(response.url != requested)},
                                    {"headers", fields}});
    jsbox::FetchReplyFrame reply;
    reply.run_id = run_id;
    reply.call_id = call_id;
    reply.ok = true;
    reply.head = head.dump();
    reply.body = std::move(response.body);
    if (reply.head.size() > jsbox::kFetchHeadBytesMax ||
        reply.body.size() > jsbox::kFetchBodyBytesMax) {
        return refuse_fetch(run_id, call_id, "too_large: the response is too large");
    }
    return reply;
}

}  // namespace sallyport::engine
