// Vouches anew for what the gateway vouched for when it kept a delivery: its verdict
// (common/contract.hpp) would be stale by the time the upstream sees it.
#pragma once

#include "common/crypto.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::cli {

class VerdictRenewer {
  public:
    // Files with the secrets of sallyport_verdict, the current one first: it signs, all verify. A
    // file that cannot be used ends the program with a message.
    explicit VerdictRenewer(const std::vector<std::string>& secret_files);

    // The same verdict, of now. Nothing when no secret is given or none of them signed `verdict`:
    // whoever writes into Redis cannot speak in the gateway's name.
    std::optional<std::string> renew(std::string_view verdict, std::int64_t now_s) const;

  private:
    std::vector<HmacKey> keys_;
};

}  // namespace sallyport::cli
