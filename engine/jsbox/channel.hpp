// The worker's only way to the outside: whole frames over one stream socket, blocking. Any
// irregularity means that the engine is gone or mad, and ends the process.
#pragma once

#include "engine/jsbox/protocol.hpp"

#include <string>

namespace sallyport::engine::jsbox {

// Where the engine leaves the socket; the seccomp filter allows reads and writes on it alone.
inline constexpr int kChannelFd = 3;

class Channel {
  public:
    // Waits for the next frame; exits the process at the end of the stream.
    Frame receive();
    // Waits at most `timeout_ms` (-1: for ever) for something to receive.
    bool wait(int timeout_ms);
    void send(const std::string& frame);

  private:
    FrameReader reader_{kToWorkerBytesMax};
};

}  // namespace sallyport::engine::jsbox
