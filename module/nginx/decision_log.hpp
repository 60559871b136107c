// The decision line: one JSON object a request, written when asked. Query strings, header values and
// bodies never appear in it.
#pragma once

#include "module/nginx/module.hpp"

namespace sallyport::ngx {

struct DecisionLog {
    ngx_open_file_t* file = nullptr;
    bool refused_only = false;
};

// `sallyport_decision_log <path> [all|refused] | off`
Status set_decision_log(DirectiveCall& call);

void write_decision_line(const DecisionLog& log, Request& request);

}  // namespace sallyport::ngx
