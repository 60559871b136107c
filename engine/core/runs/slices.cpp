#include "engine/core/runs/slices.hpp"

#include "common/bytes.hpp"
#include "common/json_depth.hpp"

#include <optional>

namespace sallyport::engine {
namespace {

constexpr std::string_view kLoop = "LOOP_ON_ITEMS";

Json slice_steps(const Json& steps, const std::string& before, std::size_t bytes_max,
                 const SliceRef& ref);

Json slice_loop(const Json& step, const std::string& place, std::size_t bytes_max,
                const SliceRef& ref) {
    const Json& turns = step["output"]["iterations"];
    Json sliced = Json::array();
    for (std::size_t i = 0; i < turns.size(); ++i) {
        sliced.append(
            slice_steps(turns.at(i), place + "/" + std::to_string(i) + "/", bytes_max, ref));
    }
    Json output = Json::object();
    step["output"].each_member([&](std::string_view name, const Json& value) {
        output.set(name, name == "iterations" ? sliced : value);
    });
    return output;
}

// What takes the place of the output; nothing: it stays.
std::optional<Json> slice_of(const Json& step, const std::string& place, std::size_t bytes_max,
                             const SliceRef& ref) {
    const Json& output = step["output"];
    if (!output.exists() || is_surely_within(output, bytes_max)) {
        return std::nullopt;
    }
    const std::size_t bytes = output.dump().size();
    return bytes > bytes_max ? std::optional(ref(place, bytes)) : std::nullopt;
}

Json slice_step(const Json& step, const std::string& place, std::size_t bytes_max,
                const SliceRef& ref) {
    const bool loop = step["type"].text() == kLoop && step["output"]["iterations"].is_array();
    const std::optional<Json> slice = loop ? std::optional(slice_loop(step, place, bytes_max, ref))
                                           : slice_of(step, place, bytes_max, ref);
    if (!slice) {
        return step;
    }
    Json out = Json::object();
    step.each_member([&](std::string_view name, const Json& value) {
        if (name != "output") {
            out.set(name, value);
            return;
        }
        if (!loop) {
            out.set("outputType", Json::string("slice"));
        }
        out.set("output", *slice);
    });
    return out;
}

Json slice_steps(const Json& steps, const std::string& before, std::size_t bytes_max,
                 const SliceRef& ref) {
    Json out = Json::object();
    steps.each_member([&](std::string_view name, const Json& step) {
        out.set(name, slice_step(step, before + std::string(name), bytes_max, ref));
    });
    return out;
}

}  // namespace

Json with_slices(const Json& steps, std::size_t bytes_max, const SliceRef& ref) {
    return slice_steps(steps, "", bytes_max, ref);
}

Json output_at(const Json& steps, std::string_view place) {
    Json at = steps;
    Json step;
    bool turn = false;  // a part is the number of a loop's turn
    for_each_split(place, '/', [&](std::string_view part) {
        if (turn) {
            const auto number = parse_u64(part);
            const Json turns = step["output"]["iterations"];
            at = number && *number < turns.size() ? turns.at(*number) : Json();
        } else {
            step = at[part];
        }
        turn = !turn;
    });
    return turn ? step["output"] : Json();
}

}  // namespace sallyport::engine
