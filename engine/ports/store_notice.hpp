// StoreNotice: what one process is told of what others have done to a store that they share.
#pragma once

#include <string>

namespace sallyport::engine {

struct StoreNotice {
    enum class Kind {
        run_done,      // a run that was announced has answered or ended
        flow_changed,  // a flow or its versions
        missed,        // notices may have been lost: anything may have happened
        may_be_done,   // runs may have answered or ended without a word
    };
    Kind kind = Kind::missed;
    std::string id;
};

}  // namespace sallyport::engine
