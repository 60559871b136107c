// Lists on the control location: what there is, and a look at their sources now.
//
//   GET  /lists
//   POST /lists/reload [{"name":TEXT}] [{"force":true}]
#include "module/nginx/ip_list_routes.hpp"

#include "module/nginx/ip_list_conf.hpp"

namespace sallyport::ngx {
namespace {

ngx_cycle_t* cycle() {
    return const_cast<ngx_cycle_t*>(ngx_cycle);
}

Json number(std::uint64_t value) {
    return Json::integer(static_cast<std::int64_t>(value));
}

Json row_of(const IpListState& list) {
    Json row = Json::object({
        {"name", Json::string(list.name)},
        {"blocks", number(list.blocks)},
        {"refreshed", Json::boolean(list.refreshed)},
    });
    if (list.refreshed) {
        row.set("version", number(list.version));
        row.set("loaded_s", number(list.loaded_at_s));
        row.set("refusals", number(list.refusals));
        row.set("refused_s", number(list.refused_at_s));
    }
    return row;
}

ControlReply show(ControlCall&) {
    Json lists = Json::array();
    for (const IpListState& list : ip_list_states(cycle())) {
        lists.append(row_of(list));
    }
    return ControlReply::ok(Json::object({{"lists", lists}}));
}

// Without a name every list that has sources is looked at.
ControlReply reload(ControlCall& call) {
    const Json name = call.body["name"];
    const Json force = call.body["force"];
    if ((name.exists() && !name.is_string()) || (force.exists() && !force.is_boolean())) {
        return ControlReply::error(400, "name is a list's name, force is true or false");
    }
    Json asked = Json::array();
    for (const IpListState& list : ip_list_states(cycle())) {
        const bool meant = !name.exists() || name.text() == list.name;
        if (meant && request_list_refresh(cycle(), list.name, force.is_true())) {
            asked.append(Json::string(list.name));
        }
    }
    if (asked.size() == 0) {
        return ControlReply::error(404, name.exists()
                                            ? "no list of that name has a source that is looked at"
                                            : "no list has a source that is looked at");
    }
    ngx_log_error(NGX_LOG_NOTICE, call.r->connection->log, 0,
                  "sallyport: control: %uz lists are to be read again%s", asked.size(),
                  force.is_true() ? ", whatever their size" : "");
    return {202, Json::object({{"lists", asked}}), {}};
}

}  // namespace

constinit const ControlRoute kIpListRoutes[2] = {
    {"GET", "/lists", show},
    {"POST", "/lists/reload", reload},
};

}  // namespace sallyport::ngx
