// Changes of a router's branches, and of notes.
#include "engine/core/flows/changes.hpp"
#include "engine/core/flows/model.hpp"

#include <algorithm>
#include <cmath>

namespace sallyport::engine::flow_changes {
namespace {

// Where JavaScript's slice(0, index) of a list of `size` ends.
std::size_t slice_end(double index, std::size_t size) {
    const double whole = std::trunc(index);
    const double last = static_cast<double>(size);
    return static_cast<std::size_t>(whole < 0 ? std::max(0.0, last + whole)
                                              : std::min(whole, last));
}

Json router_named(const Json& version, const Json& request) {
    const Json step = find_step(version["trigger"], request["stepName"].text());
    return step["type"].text() == "ROUTER" ? step : Json();
}

Json without_index(const Json& array, double index) {
    Json out = Json::array();
    for (std::size_t i = 0; i < array.size(); ++i) {
        if (static_cast<double>(i) != index) {
            out.append(array.at(i));
        }
    }
    return out;
}

// Takes the element at `from` (nothing beyond the end) and puts it at `to`, or at the end.
Json moved_within(const Json& array, std::size_t from, std::size_t to) {
    const Json moved = from < array.size() ? array.at(from) : Json::null();
    const Json rest = without_index(array, static_cast<double>(from));
    return inserted_at(rest, Json::integer(static_cast<std::int64_t>(to)), moved);
}

}  // namespace

Json inserted_at(const Json& array, const Json& index, const Json& item) {
    const std::size_t at = slice_end(index.number_or(0), array.size());
    Json out = Json::array();
    for (std::size_t i = 0; i < array.size(); ++i) {
        if (i == at) {
            out.append(item);
        }
        out.append(array.at(i));
    }
    if (at >= array.size()) {
        out.append(item);
    }
    return out;
}

Json new_branch(std::string_view name, const Json& conditions) {
    Json given = conditions;
    if (!given.exists()) {
        Json group = Json::array();
        group.append(Json::object({{"firstValue", Json::string("")},
                                   {"secondValue", Json::string("")},
                                   {"operator", Json::string("TEXT_CONTAINS")},
                                   {"caseSensitive", Json::boolean(false)}}));
        given = Json::array();
        given.append(group);
    }
    return Json::object({{"conditions", given},
                         {"branchType", Json::string("CONDITION")},
                         {"branchName", Json::string(name)}});
}

Outcome add_branch(Json version, const Json& request, std::string_view) {
    Json router = router_named(version, request);
    if (!router.exists()) {
        return {};
    }
    const Json branch = new_branch(request["branchName"].text(), request["conditions"]);
    Json settings = router["settings"];
    settings.set("branches", inserted_at(settings["branches"], request["branchIndex"], branch));
    router.set("children", inserted_at(router["children"], request["branchIndex"], Json::null()));
    return {};
}

Outcome delete_branch(Json version, const Json& request, std::string_view) {
    Json router = router_named(version, request);
    if (!router.exists()) {
        return {};
    }
    const double index = request["branchIndex"].number_or(-1);
    Json settings = router["settings"];
    settings.set("branches", without_index(settings["branches"], index));
    router.set("children", without_index(router["children"], index));
    return {};
}

Outcome move_branch(Json version, const Json& request, std::string_view) {
    Json router = router_named(version, request);
    const double from = request["sourceBranchIndex"].number_or(-1);
    const double to = request["targetBranchIndex"].number_or(-1);
    const auto count = static_cast<double>(router["settings"]["branches"].size());
    if (!router.exists() || from < 0 || from >= count || to < 0 || to >= count || from == to) {
        return {};
    }
    Json settings = router["settings"];
    const Json branches = settings["branches"];
    // In the order in which the contract's implementation looks at them.
    for (const double index : {from, to}) {
        if (index != std::floor(index)) {
            return Problem{"A branch's index must be a whole number", {}};
        }
        if (branches.at(static_cast<std::size_t>(index))["branchType"].text() == "FALLBACK") {
            return {};
        }
    }
    const auto source = static_cast<std::size_t>(from);
    const auto target = static_cast<std::size_t>(to);
    settings.set("branches", moved_within(branches, source, target));
    router.set("children", moved_within(router["children"], source, target));
    return {};
}

Outcome add_note(Json version, const Json& request, std::string_view now) {
    Json note = request.deep_copy();
    note.set("createdAt", Json::string(now));
    note.set("updatedAt", Json::string(now));
    version["notes"].append(note);
    return {};
}

Outcome update_note(Json version, const Json& request, std::string_view now) {
    version["notes"].each_element([&](Json note) {
        if (note["id"].text() != request["id"].text()) {
            return;
        }
        request.each_member(
            [&note](std::string_view key, const Json& value) { note.set(key, value.deep_copy()); });
        note.set("updatedAt", Json::string(now));
    });
    return {};
}

Outcome delete_note(Json version, const Json& request, std::string_view) {
    Json kept = Json::array();
    version["notes"].each_element([&](const Json& note) {
        if (note["id"].text() != request["id"].text()) {
            kept.append(note);
        }
    });
    version.set("notes", kept);
    return {};
}

}  // namespace sallyport::engine::flow_changes
