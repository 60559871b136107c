// Certificates that providers rotate (Amazon SNS, PayPal), fetched beside nginx: a worker that
// meets an unknown one leaves a note in a folder and answers 503, `sallyport certs` fetches what
// the notes ask for and puts it beside them, and the worker finds it there. No request ever waits.
#pragma once

#include "common/result.hpp"
#include "module/nginx/ngx.hpp"
#include "module/policy/webhook_builtin.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::ngx {

class WebhookCertificates : public policy::webhook::KeySource {
  public:
    void use_folder(std::string path) { folder_ = std::move(path); }
    bool has_folder() const { return !folder_.empty(); }

    const PublicKey* find(std::string_view url) override;
    // Leaves a note that this address wants to be called (SNS: SubscribeURL).
    void ask_to_call(std::string_view url);

  private:
    struct Known {
        std::optional<PublicKey> key;
        std::int64_t looked_ms = 0;
    };
    void leave_note(const char* kind, std::string_view url);

    std::string folder_;
    std::map<std::string, Known, std::less<>> known_;  // by URL; bounded
};

}  // namespace sallyport::ngx
