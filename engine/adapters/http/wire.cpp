#include "engine/adapters/http/wire.hpp"

#include <array>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::array<std::pair<int, std::string_view>, 29> kReasons = {{
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {412, "Precondition Failed"},
    {413, "Payload Too Large"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Entity"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
}};

// IMF-fixdate (RFC 9110 section 5.6.7), made once a second.
const std::string& http_date(std::time_t now) {
    thread_local std::time_t made_for = -1;
    thread_local std::string text;
    if (now != made_for) {
        std::tm parts{};
        ::gmtime_r(&now, &parts);
        std::array<char, 64> buffer{};
        const std::size_t size =
            std::strftime(buffer.data(), buffer.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
        text.assign(buffer.data(), size);
        made_for = now;
    }
    return text;
}

}  // namespace

std::string_view reason_phrase(int status) {
    for (const auto& [code, phrase] : kReasons) {
        if (code == status) {
            return phrase;
        }
    }
    return "Status";
}

bool sends_body(const WebResponse& response, bool head_only) {
    return !head_only && response.status != 204 && response.status != 304;
}

std::string wire_head(const WebResponse& response, bool keep_alive, bool head_only,
                      std::time_t now) {
    std::string head;
    head.reserve(256);
    head += "HTTP/1.1 ";
    head += std::to_string(response.status);
    head += ' ';
    head += reason_phrase(response.status);
    head += "\r\nDate: ";
    head += http_date(now);
    head += "\r\n";
    for (const WebHeader& header : response.headers) {
        head += header.name;
        head += ": ";
        head += header.value;
        head += "\r\n";
    }
    if (response.stream == nullptr && (head_only || sends_body(response, false))) {
        head += "Content-Length: ";
        head += std::to_string(response.body.size());
        head += "\r\n";
    }
    head += keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
    return head;
}

WebResponse wire_error(int status) {
    Json body = Json::object({{"statusCode", Json::integer(status)},
                              {"error", Json::string(reason_phrase(status))},
                              {"message", Json::string("Client Error")}});
    if (status == 413) {
        body.set("code", Json::string("FST_ERR_CTP_BODY_TOO_LARGE"));
        body.set("message", Json::string("Request body is too large"));
    }
    if (status == 503) {
        body.set("message", Json::string("Too many large requests at once"));
        WebResponse response = json_response(status, body);
        response.headers.push_back({"Retry-After", "1"});
        return response;
    }
    return json_response(status, body);
}

}  // namespace sallyport::engine
