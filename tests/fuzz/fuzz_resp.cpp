// Bytes as a Redis might send them, in pieces cut by the input itself: the reader must stay within
// its bounds, and what is taken for an answer must be one.
#include "module/store/rate_limit_commands.hpp"
#include "module/store/resp_reader.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

using sallyport::policy::Gcra;
using sallyport::store::Check;
using sallyport::store::kReplyIntegersMax;
using sallyport::store::kReplyTextMax;
using sallyport::store::LimitWire;
using sallyport::store::make_wire;
using sallyport::store::ReadResult;
using sallyport::store::RespReader;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Gcra limit = Gcra::make(10, 1'000'000'000, 5);
    const LimitWire wire = make_wire("a", limit);
    const Check checks[] = {{&wire, {}}, {&wire, {}}};
    RespReader reader;
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    while (!rest.empty()) {
        const std::size_t piece =
            std::min<std::size_t>(rest.size(), 1 + static_cast<std::uint8_t>(rest.front()) % 61);
        if (!reader.feed(rest.substr(0, piece))) {
            return 0;
        }
        rest.remove_prefix(piece);
        ReadResult result = reader.next();
        while (result == ReadResult::reply) {
            const auto& reply = reader.reply();
            if (reply.count > kReplyIntegersMax || reply.text().size() > kReplyTextMax) {
                std::abort();
            }
            if (const auto answer = parse_check(reply, checks)) {
                for (std::size_t i = 0; i < answer->count; ++i) {
                    if (answer->ahead_ns[i] < 0 || answer->ahead_ns[i] > limit.capacity_ns) {
                        std::abort();
                    }
                }
            }
            result = reader.next();
        }
        if (result == ReadResult::broken) {
            return 0;
        }
    }
    return 0;
}
