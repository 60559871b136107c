// The connections of the HTTP server: who leaves when places or memory are short. A client that
// opens thousands and says nothing, sends slowly or reads slowly costs others neither.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>

#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <string>

namespace sallyport::engine {

struct HttpConnection : std::enable_shared_from_this<HttpConnection> {
    using Socket = boost::asio::generic::stream_protocol::socket;
    using Clock = std::chrono::steady_clock;

    explicit HttpConnection(Socket connected) : socket(std::move(connected)) {}
    Socket socket;
    Clock::time_point deadline = Clock::time_point::max();
    bool idle = true;  // between requests: may be closed without loss
    std::string peer;

    // Kept by HttpConnections.
    std::list<std::shared_ptr<HttpConnection>>::iterator at;
    bool waits = false;        // for a request, from its first byte to the end of its head
    bool leaving = false;      // closed for another's sake
    bool out_of_room = false;  // likewise; one that was read from may still be told so
    bool is_read = true;       // what is held is on its way in
    std::size_t held_bytes = 0;
    Clock::time_point held_since;
};

class HttpConnections {
  public:
    HttpConnections(std::size_t places, std::size_t bytes_max)
        : places_(places), bytes_max_(bytes_max) {}

    // Whether there is a place for one more: if need be, that of the connection which has waited
    // longest for its request and is closed now. A client that asks is soon not among them.
    bool make_place();
    // False: none waits.
    bool close_longest_waiting();
    void add(const std::shared_ptr<HttpConnection>& connection);
    void remove(HttpConnection& connection);
    bool empty() const { return all_.empty(); }

    void wait_for_request(HttpConnection& connection);
    void request_came(HttpConnection& connection) { connection.waits = false; }

    // What the connection holds in memory of a body on its way in or out. When all of them hold
    // more than they may, the one that has held something longest is stopped: slow ones go, not
    // those who happen to come now.
    void hold(HttpConnection& connection, std::size_t bytes);
    // Likewise, on its way out.
    void hold_answer(HttpConnection& connection, std::size_t bytes);

    template <typename Visit>
    void each(Visit visit) {
        for (const auto& connection : all_) {
            visit(*connection);
        }
    }

  private:
    void stop_slowest();

    std::size_t places_;
    std::size_t bytes_max_;
    // Those that wait for a request stand in the order in which they began to.
    std::list<std::shared_ptr<HttpConnection>> all_;
    std::size_t leaving_ = 0;
    std::size_t held_bytes_ = 0;
};

}  // namespace sallyport::engine
