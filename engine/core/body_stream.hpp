// The body of an answer that is not over yet: one side writes as things happen, the server takes
// what there is and sends it. Bounded: who does not read fast enough is cut off. For one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace sallyport::engine {

class BodyStream {
  public:
    // `idle_text` is sent whenever there was nothing for `idle_ms`, so that a dead connection is
    // noticed and proxies keep a live one.
    BodyStream(std::size_t bytes_max, std::string idle_text, std::int64_t idle_ms);

    // False when it is closed; closes it when more than bytes_max would wait.
    bool write(std::string_view bytes);
    // No more comes; what waits is still sent.
    void close();
    bool closed() const { return closed_; }
    // Called once, by whichever side closes.
    void on_close(std::function<void()> gone);

    // ---- for the server

    std::string take();
    // Called after each write and when it closes.
    void on_change(std::function<void()> changed) { changed_ = std::move(changed); }
    const std::string& idle_text() const { return idle_text_; }
    std::int64_t idle_ms() const { return idle_ms_; }

  private:
    std::size_t bytes_max_;
    std::string idle_text_;
    std::int64_t idle_ms_;
    std::string waiting_;
    bool closed_ = false;
    std::function<void()> changed_;
    std::function<void()> gone_;
};

}  // namespace sallyport::engine
