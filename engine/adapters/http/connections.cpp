#include "engine/adapters/http/connections.hpp"

#include <boost/system/error_code.hpp>

#include <algorithm>
#include <utility>

namespace sallyport::engine {
namespace {

// A body of so little costs less than the connection itself.
constexpr std::size_t kSmallBytes = 64 * 1024;

void close(HttpConnection& connection) {
    boost::system::error_code ignored;
    connection.socket.close(ignored);
}

}  // namespace

void HttpConnections::add(const std::shared_ptr<HttpConnection>& connection) {
    connection->at = all_.insert(all_.end(), connection);
    connection->waits = true;
}

void HttpConnections::remove(HttpConnection& connection) {
    hold(connection, 0);
    leaving_ -= connection.leaving ? 1 : 0;
    all_.erase(connection.at);
}

void HttpConnections::wait_for_request(HttpConnection& connection) {
    connection.waits = true;
    all_.splice(all_.end(), all_, connection.at);
}

bool HttpConnections::make_place() {
    return all_.size() - leaving_ < places_ || close_longest_waiting();
}

bool HttpConnections::close_longest_waiting() {
    const auto oldest = std::find_if(all_.begin(), all_.end(), [](const auto& connection) {
        return connection->waits && !connection->leaving;
    });
    if (oldest == all_.end()) {
        return false;
    }
    (*oldest)->leaving = true;
    leaving_ += 1;
    close(**oldest);
    return true;
}

void HttpConnections::hold(HttpConnection& connection, std::size_t bytes) {
    bytes = bytes <= kSmallBytes ? 0 : bytes;
    if (connection.held_bytes == 0 && bytes > 0) {
        connection.held_since = HttpConnection::Clock::now();
    }
    held_bytes_ += bytes;
    held_bytes_ -= connection.held_bytes;
    connection.held_bytes = bytes;
    if (held_bytes_ > bytes_max_ && bytes > 0) {
        stop_slowest();
    }
}

void HttpConnections::hold_answer(HttpConnection& connection, std::size_t bytes) {
    connection.is_read = bytes == 0;
    hold(connection, bytes);
}

void HttpConnections::stop_slowest() {
    HttpConnection* slowest = nullptr;
    for (const auto& connection : all_) {
        if (connection->held_bytes > 0 && !connection->out_of_room &&
            (slowest == nullptr || connection->held_since < slowest->held_since)) {
            slowest = connection.get();
        }
    }
    if (slowest != nullptr) {
        slowest->out_of_room = true;
        held_bytes_ -= std::exchange(slowest->held_bytes, 0);
        boost::system::error_code ignored;
        if (slowest->is_read) {
            slowest->socket.cancel(ignored);  // what it waits for ends, and it sees the mark
        } else {
            slowest->socket.shutdown(HttpConnection::Socket::shutdown_both, ignored);
        }
    }
}

}  // namespace sallyport::engine
