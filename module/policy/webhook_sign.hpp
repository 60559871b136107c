// The sender's side of a profile: which header fields a genuine delivery would carry. For operators who
// try a configuration, and for tests. Covers what can be said in header fields from a body, a URL, a
// time and an id; a profile that signs parts of a JSON or form body is refused with a reason.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/result.hpp"
#include "module/policy/webhook_profile.hpp"
#include "module/policy/webhook_secret.hpp"
#include "module/policy/webhook_verify.hpp"

namespace sallyport::policy::webhook {

struct Delivery {
    RequestHead head{};          // method, target, scheme, host: for schemes that sign the URL
    std::string_view body{};
    std::string_view id{};       // goes where the profile looks for an id, when that is a header
    std::int64_t time_ms = 0;
};

using HeaderFields = std::vector<std::pair<std::string, std::string>>;

Result<HeaderFields> sign(const Profile& profile, const SecretKey& secret,
                          const Delivery& delivery);

}  // namespace sallyport::policy::webhook
