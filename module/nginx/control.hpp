// What a feature offers to the control location: routes of its own, and measurements. The control
// location itself (token, client certificate, JSON) is control_glue.cpp's; a route never asks who
// calls.
#pragma once

#include "common/json.hpp"
#include "module/nginx/ngx.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::ngx {

// A body on the control location is a small JSON object; what is larger is refused with 413.
inline constexpr std::size_t kControlBodyBytesMax = std::size_t{256} << 10;

struct ControlCall {
    ngx_http_request_t* r = nullptr;
    void* main = nullptr;     // the main configuration of the feature whose route it is
    Json body{};              // the request's JSON object; an empty object when there was no body
    std::string_view path{};  // below the location: "/bans"

    // A query argument, percent-decoded; the first of that name.
    std::optional<std::string> argument(std::string_view name) const;
};

struct ControlReply {
    std::uint16_t status = 200;
    Json body{};
    std::string text{};  // instead of a body: text/plain (metrics)

    static ControlReply ok(Json body) { return {200, std::move(body), {}}; }
    // A problem document.
    static ControlReply error(std::uint16_t status, std::string_view detail);
};

struct ControlRoute {
    std::string_view method;  // GET (serves HEAD as well), POST or DELETE
    std::string_view path;    // exactly: "/bans"
    ControlReply (*answer)(ControlCall&);
};

}  // namespace sallyport::ngx
