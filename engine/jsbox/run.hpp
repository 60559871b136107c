// One run, from its frame to its result: the clocks, the job loop, the timers, the outgoing
// requests.
#pragma once

#include "engine/jsbox/channel.hpp"
#include "engine/jsbox/protocol.hpp"
#include "engine/jsbox/quickjs.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace sallyport::engine::jsbox {

// After the soft limit the script is interrupted; this much later it is cut off wherever it is.
inline constexpr std::uint32_t kHardGraceMs = 1000;
// The guest's memory beyond what JavaScript objects may take: its stack (5 MB), its static data and
// the holes that malloc leaves.
inline constexpr std::size_t kMemoryOverheadBytes = 16u << 20;
// What an out-of-memory error may take to describe itself.
inline constexpr std::size_t kMemoryGraceBytes = 4u << 20;
// Requests of one run under way at once; the engine bounds them as well.
inline constexpr int kFetchesAtOnceMax = 32;

// What the prelude hands over when it has built the world inside.
struct Entry {
    js::Value begin = 0;  // (output_max, fetch_allowed, seed×4)
    js::Value start = 0;  // (kind, module, form, input)
    js::Value fail = 0;   // (thrown value, 1: while the module was compiled or evaluated)
    js::Value tick = 0;   // () -> milliseconds to the next timer, -1: none; runs one when due
    js::Value reply = 0;  // (call id, ok, head, body)
};

// Builds the prelude and its modules in the fresh context. Start-up only; false when it fails.
bool build_world(Entry& entry);

// Runs one frame and sends its result, which says whether it was the last one. After `true` the
// instance is fit for the next run; `false` means that it is not, and the worker has to end.
// Without a channel nothing is sent: the warm-up at start.
bool run_one(const Entry& entry, Channel* channel, RunFrame frame, bool last);

// For the hooks and the signal handler.
bool soft_limit_passed();
js::Value host_call(std::uint32_t arguments, int count, int id);
std::uint32_t module_source(std::string_view name);
// Called on SIGALRM: perhaps the hard limit.
void on_hard_limit();

}  // namespace sallyport::engine::jsbox
