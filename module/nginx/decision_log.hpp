// The decision line: one JSON object a request, written when asked. Query strings, header values
// and bodies never appear in it.
#pragma once

#include "module/nginx/module.hpp"

#include <string_view>

namespace sallyport::ngx {

class DecisionChain;

struct DecisionLog {
    ngx_open_file_t* file = nullptr;
    bool refused_only = false;
    const DecisionChain* chain = nullptr;  // null: the lines carry no MAC
    std::string_view chain_key;            // the key's file, as written
};

// `sallyport_decision_log <path> [all|refused] [chain=<key file>] | off`
Status set_decision_log(DirectiveCall& call);

void write_decision_line(const DecisionLog& log, Request& request);

}  // namespace sallyport::ngx
