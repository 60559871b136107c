// sallyport_csp: the profile's Content-Security-Policy, changed directive by directive.
//
//   sallyport_csp DIRECTIVE SOURCE… | nonce | off          http, server, location
//   sallyport_csp off                                      begins anew
//   sallyport_csp_mode off|report|enforce
//
// `nonce` is one request's $sallyport_csp_nonce: 144 random bits, the same for everything that the
// request produces, subrequests included.
#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "module/nginx/security_headers_conf.hpp"

#include <algorithm>
#include <cstring>
#include <string>

namespace sallyport::ngx {
namespace {

using policy::ContentSecurityPolicy;
using policy::CspSettings;

constexpr std::size_t kNonceBytes = HeadersState::kNonceChars / 4 * 3;
// Random bytes are drawn in bulk: one call of the generator for a few hundred requests.
constexpr std::size_t kCspPoolBytes = 256 * kNonceBytes;

class NoncePool {
  public:
    void take(std::uint8_t* out) {
        if (next_ == kCspPoolBytes || owner_ != ngx_pid) {
            random_bytes(bytes_.data(), bytes_.size());
            next_ = 0;
            owner_ = ngx_pid;  // a forked process must never hand out its parent's bytes
        }
        std::memcpy(out, bytes_.data() + next_, kNonceBytes);
        wipe(bytes_.data() + next_, kNonceBytes);
        next_ += kNonceBytes;
    }

  private:
    std::array<std::uint8_t, kCspPoolBytes> bytes_{};
    std::size_t next_ = kCspPoolBytes;
    ngx_pid_t owner_ = 0;
};
NoncePool nonce_pool;

Status set_off(DirectiveCall& call, CspSettings& csp) {
    if (csp.reset) {
        return Error{"\"off\" is given twice at the same level; keep one"};
    }
    static_cast<HeadersMain*>(call.main)->any = true;
    csp.reset = true;
    return Done{};
}

Status check_change(DirectiveCall& call, const ContentSecurityPolicy::Change& change) {
    if (change.sources) {
        ContentSecurityPolicy probe;
        const Status shape = probe.set(change.directive, *change.sources);
        if (!shape) {
            return shape;
        }
        const Status sense = ContentSecurityPolicy::check(change.directive, *change.sources);
        if (!sense) {
            return sense;
        }
    }
    if (!ContentSecurityPolicy::is_known(change.directive)) {
        warn(call.cf, "browsers do not know the directive \"" + change.directive +
                          "\" of sallyport_csp and ignore it");
    }
    return Done{};
}

}  // namespace

Status set_csp(DirectiveCall& call) {
    CspSettings& csp = static_cast<HeadersLocation*>(call.location)->csp;
    if (call.size() == 1 && call.arg(0) == "off") {
        return set_off(call, csp);
    }
    ContentSecurityPolicy::Change change{std::string(call.arg(0)), std::nullopt, false};
    for (const auto& other : csp.changes) {
        if (other.directive == change.directive) {
            return Error{"\"" + change.directive + "\" is given twice at the same level; keep one"};
        }
    }
    const bool off = call.size() >= 2 && call.arg(1) == "off";
    change.dangerous = off && call.size() == 3 && call.arg(2) == "dangerously";
    if (off && call.size() > 2 && !(change.dangerous && change.directive == "default-src")) {
        return Error{"\"off\" takes nothing after it; only \"default-src off dangerously\" does"};
    }
    if (!off) {
        std::vector<std::string_view> words;
        for (std::size_t i = 1; i < call.size(); ++i) {
            words.push_back(call.arg(i));
        }
        change.sources = ContentSecurityPolicy::sources_of(words);
        if (change.sources->find('$') != std::string::npos) {
            // Compiled again with the whole policy; here for mistakes, at the line that has them.
            const auto compiled = ComplexText::compile(call.cf, *change.sources);
            if (!compiled) {
                return compiled.error();
            }
        }
    }
    const Status checked = check_change(call, change);
    if (!checked) {
        return checked;
    }
    csp.changes.push_back(change);
    static_cast<HeadersMain*>(call.main)->any = true;
    return Done{};
}

Status set_csp_mode(DirectiveCall& call) {
    auto* location = static_cast<HeadersLocation*>(call.location);
    if (location->csp.mode) {
        return Error{"is given twice at the same level; keep one"};
    }
    const auto mode = parse_mode(call.arg(0));
    if (!mode) {
        return mode.error();
    }
    location->csp.mode = *mode;
    static_cast<HeadersMain*>(call.main)->any = true;
    return Done{};
}

std::string_view get_csp_nonce(Request& request) {
    auto& state = request.feature_state<HeadersState>(FeatureId::security_headers);
    if (!state.has_nonce) {
        std::uint8_t bytes[kNonceBytes];
        nonce_pool.take(bytes);
        const std::string text = base64_encode(bytes, sizeof(bytes));
        std::copy(text.begin(), text.end(), state.nonce.begin());
        state.has_nonce = true;
    }
    return {state.nonce.data(), state.nonce.size()};
}

Result<policy::HeaderSet> effective_headers(const HeadersLocation& location) {
    const auto profile =
        policy::profile_headers(location.profile.value_or(policy::HeaderProfile::off));
    const bool speaks = location.csp.speaks();
    for (const policy::HeaderChange& change : location.changes) {
        if (speaks && ascii_iequals(change.name, location.csp.field_name())) {
            return Error{"\"sallyport_header " + change.name +
                         "\" and sallyport_csp both decide the policy here; keep one of them"};
        }
    }
    auto set = policy::apply_csp(profile, location.csp);
    if (!set) {
        return Error{"in sallyport_csp: " + set.message()};
    }
    return policy::apply_changes(std::move(*set), location.changes);
}

}  // namespace sallyport::ngx
