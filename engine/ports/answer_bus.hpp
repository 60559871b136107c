// How engines that share a store tell each other, beside the store itself, that a run has answered
// or ended: faster than the store, and of no consequence when it is away.
#pragma once

#include <functional>
#include <string>

namespace sallyport::engine {

class AnswerBus {
  public:
    // On the loop, never from inside a call.
    struct Hooks {
        std::function<void(const std::string& run_id)> done;  // what anybody has told
        std::function<void(const std::string& run_id)> lost;  // told by us, and nobody may know
        std::function<void()> missed;                         // others may have told in vain
    };

    virtual ~AnswerBus() = default;
    virtual void set_hooks(Hooks hooks) = 0;
    // Whether telling makes sense now.
    virtual bool is_up() const = 0;
    // REQUIRES: is_up().
    virtual void tell(const std::string& run_id) = 0;
};

}  // namespace sallyport::engine
