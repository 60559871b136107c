// Entity tags of flows: whoever changes a flow may name the state of it that he has seen, and is
// refused when it is another by now (RFC 9110 section 13.1.1, If-Match). The contract's newest
// release has the same with a field of its own, whose name is not published yet.
#pragma once

#include "engine/adapters/api/call.hpp"
#include "engine/ports/store.hpp"

#include <string>
#include <string_view>

namespace sallyport::engine {

// In quotes. Another one after each change of the version, however soon they follow each other.
std::string flow_tag(const VersionRow& version);
// Whether an If-Match field, empty when there is none, lets this version be changed.
bool expects(std::string_view if_match, const VersionRow& version);
void fail_version_conflict(ApiCall& call, const std::string& flow_id);
// 200 with the flow, and its tag.
void reply_with_flow(ApiCall& call, const StoredFlow& flow);

}  // namespace sallyport::engine
