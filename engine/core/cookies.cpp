#include "engine/core/cookies.hpp"

#include "common/bytes.hpp"

namespace sallyport::engine {

std::string cookie_of(const WebRequest& request, std::string_view name) {
    std::string value;
    for_each_split(request.header("cookie"), ';', [&value, name](std::string_view pair) {
        pair = trim_ows(pair);
        const std::size_t equals = pair.find('=');
        if (equals != std::string_view::npos && pair.substr(0, equals) == name) {
            value = pair.substr(equals + 1);
        }
    });
    return value;
}

WebHeader set_cookie(const StrictCookie& cookie) {
    return {"set-cookie", std::string(cookie.name) + "=" + std::string(cookie.value) + "; Path=" +
                              std::string(cookie.path) + "; HttpOnly; SameSite=Strict; Max-Age=" +
                              std::to_string(cookie.seconds) + (cookie.secure ? "; Secure" : "")};
}

}  // namespace sallyport::engine
