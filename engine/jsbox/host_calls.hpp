// The functions that the prelude may call in the host. Their arguments come from inside the
// sandbox: wrong types, lying lengths and calls out of turn are answered with undefined.
#pragma once

#include "engine/jsbox/channel.hpp"
#include "engine/jsbox/protocol.hpp"
#include "engine/jsbox/quickjs.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace sallyport::engine::jsbox {

struct RunState {
    bool settled = false;
    int fetches = 0;  // under way
    std::uint32_t next_call_id = 0;
    std::size_t memory_limit = 0;
    bool memory_grace_used = false;
    bool console_cut = false;
    std::string console;
};

struct HostCall {
    std::uint32_t arguments;
    int count;
    const RunFrame& frame;
    ResultFrame& result;
    RunState& state;
    Channel* channel;
};

// An object with one property for each host function, for the prelude alone.
js::Value host_object();
js::Value perform_host_call(const HostCall& call, int id);
// Uses every algorithm once, so that nothing is loaded after the filter stands.
void warm_up_crypto();

}  // namespace sallyport::engine::jsbox
