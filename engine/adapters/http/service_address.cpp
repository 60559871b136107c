#include "engine/adapters/http/service_address.hpp"

#include "engine/core/url_host.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::engine {

void ServiceResolver::find(const std::string& host, std::int64_t port,
                           const std::vector<std::uint16_t>& usual, Done done) {
    // The URL's parser is the strict reader of hosts.
    const bool plain = host.find_first_of("/?#@%\\ ") == std::string::npos;
    if (host.empty() || !plain || port < 1 || port > 65535) {
        return done(Error{"the host must be a name or an address, the port from 1 to 65535"});
    }
    const auto url =
        parse_egress_url("https://" + url_host(host) + ":" + std::to_string(port) + "/");
    if (!url.ok()) {
        return done(Error{"the host is not a name or an address"});
    }
    const bool is_usual = std::find(usual.begin(), usual.end(), url->port) != usual.end();
    const Status allowed = is_usual ? Status(sallyport::Done{}) : policy_.check_url(*url);
    if (!allowed.ok()) {
        return done(allowed.error());
    }
    if (url->literal) {
        return done(check(*url, {*IpAddress::parse(url->host)}));
    }
    const auto shared = std::make_shared<Done>(std::move(done));
    const bool asked =
        resolver_.resolve(url->host, [this, url = *url, shared](std::vector<IpAddress> addresses) {
            (*shared)(check(url, std::move(addresses)));
        });
    if (!asked) {
        (*shared)(Error{"too many names wait for an address"});
    }
}

Result<ServiceAddress> ServiceResolver::check(const EgressUrl& url,
                                              std::vector<IpAddress> addresses) const {
    if (addresses.empty()) {
        return Error{url.host + " has no address"};
    }
    for (const IpAddress& address : addresses) {
        const Status allowed = policy_.check_address(url, address);
        if (!allowed.ok()) {
            return allowed.error();
        }
    }
    ServiceAddress found{url.host, url.port, std::move(addresses), false};
    found.is_private =
        std::all_of(found.addresses.begin(), found.addresses.end(),
                    [](const IpAddress& address) { return !special_purpose(address).empty(); });
    return found;
}

}  // namespace sallyport::engine
