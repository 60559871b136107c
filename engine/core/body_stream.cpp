#include "engine/core/body_stream.hpp"

#include <utility>

namespace sallyport::engine {

BodyStream::BodyStream(std::size_t bytes_max, std::string idle_text, std::int64_t idle_ms)
    : bytes_max_(bytes_max), idle_text_(std::move(idle_text)), idle_ms_(idle_ms) {}

bool BodyStream::write(std::string_view bytes) {
    if (!closed_ && waiting_.size() + bytes.size() > bytes_max_) {
        close();
    }
    if (closed_) {
        return false;
    }
    waiting_ += bytes;
    if (changed_) {
        changed_();
    }
    return true;
}

void BodyStream::close() {
    if (std::exchange(closed_, true)) {
        return;
    }
    if (changed_) {
        changed_();
    }
    if (gone_) {
        std::exchange(gone_, nullptr)();
    }
}

void BodyStream::on_close(std::function<void()> gone) {
    closed_ ? gone() : void(gone_ = std::move(gone));
}

std::string BodyStream::take() {
    return std::exchange(waiting_, {});
}

}  // namespace sallyport::engine
