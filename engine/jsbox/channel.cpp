#include "engine/jsbox/channel.hpp"

#include <poll.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

namespace sallyport::engine::jsbox {

Frame Channel::receive() {
    Frame frame;
    char buffer[32 * 1024];
    while (true) {
        const FrameReader::State state = reader_.next(frame);
        if (state == FrameReader::State::frame) {
            return frame;
        }
        if (state == FrameReader::State::error) {
            _exit(65);
        }
        const ssize_t got = read(kChannelFd, buffer, sizeof buffer);
        if (got > 0) {
            reader_.feed(buffer, static_cast<std::size_t>(got));
        } else if (got == 0 || errno != EINTR) {
            _exit(0);
        }
    }
}

bool Channel::wait(int timeout_ms) {
    if (!reader_.idle()) {
        return true;
    }
    pollfd entry{kChannelFd, POLLIN, 0};
    return poll(&entry, 1, timeout_ms) > 0;
}

void Channel::send(const std::string& frame) {
    std::size_t done = 0;
    while (done < frame.size()) {
        const ssize_t put = write(kChannelFd, frame.data() + done, frame.size() - done);
        if (put > 0) {
            done += static_cast<std::size_t>(put);
        } else if (errno != EINTR) {
            _exit(0);
        }
    }
}

}  // namespace sallyport::engine::jsbox
