// Sends spooled deliveries to the upstream, several at a time over kept connections.
#pragma once

#include "module/store/webhook_spool_commands.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::cli {

struct SenderOptions {
    std::string base;          // http://engine:5678, in front of each delivery's path
    long timeout_ms = 60'000;  // for one delivery
    // What takes the place of a kept X-Sallyport-Verdict; nothing: the delivery goes without.
    std::function<std::optional<std::string>(std::string_view)> renew_verdict{};
};

class HttpSender {
  public:
    // Told once for each delivery: its order and the status, 0 when there was none.
    using Finished = std::function<void(const std::string& order, long status)>;

    explicit HttpSender(SenderOptions options);
    ~HttpSender();
    HttpSender(const HttpSender&) = delete;
    HttpSender& operator=(const HttpSender&) = delete;

    void send(const store::SpoolItem& item);
    std::size_t under_way() const;
    // Works, and waits up to `wait_ms` for something to do.
    void run(int wait_ms, const Finished& finished);
    // Forgets what is under way; the upstream may have it all the same.
    void abandon();

  private:
    struct Transfer;
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace sallyport::cli
