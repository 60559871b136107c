#include "engine/adapters/api/flow_tags.hpp"

#include "common/bytes.hpp"
#include "engine/adapters/api/flow_parts.hpp"

namespace sallyport::engine {

std::string flow_tag(const VersionRow& version) {
    return '"' + version.id + '-' + std::to_string(version.updated_ms) + '"';
}

// Strong comparison: a weak tag, W/"…", is like none.
bool expects(std::string_view if_match, const VersionRow& version) {
    if (if_match.empty() || trim_ows(if_match) == "*") {
        return true;
    }
    const std::string tag = flow_tag(version);
    for (std::string_view rest = if_match; !rest.empty();) {
        const std::size_t comma = rest.find(',');
        if (trim_ows(rest.substr(0, comma)) == tag) {
            return true;
        }
        rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    }
    return false;
}

void fail_version_conflict(ApiCall& call, const std::string& flow_id) {
    call.fail(ApiError::flow_version_conflict,
              Json::object({{"flowId", Json::string(flow_id)},
                            {"message", Json::string("The flow has changed since it was read: read "
                                                     "it again, and send the ETag of that")}}));
}

void reply_with_flow(ApiCall& call, const StoredFlow& flow) {
    call.more_headers.push_back({"etag", flow_tag(flow.version)});
    call.reply(200, flow_json(flow));
}

}  // namespace sallyport::engine
