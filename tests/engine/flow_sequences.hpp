// Sequences of operations on a flow, drawn from a seed: most of them sensible, some just not, some
// hostile. What is drawn depends on the flow as it is, so that most operations find their step.
#pragma once

#include "common/json.hpp"

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace sallyport::test {

class FlowSequence {
  public:
    explicit FlowSequence(std::uint64_t seed) : random_(seed) {}

    // {type, request}
    Json next(const Json& version);

  private:
    std::size_t below(std::size_t limit) { return random_() % limit; }
    bool one_in(std::size_t times) { return below(times) == 0; }
    template <typename List>
    auto pick(const List& list) {
        return list[below(list.size())];
    }

    std::string step_name(const Json& version);
    std::string new_name(const Json& version);
    Json index();
    Json text_value();
    Json input(std::size_t depth = 0);
    Json condition();
    Json conditions();
    Json branches();
    Json settings(std::string_view type);
    Json action(const std::string& name, std::string_view type);
    Json any_action(const std::string& name);
    Json trigger();
    Json chain(std::size_t length, std::size_t depth, int& number);
    Json note();
    Json place(Json request, std::string_view location_name);
    Json import_request();
    Json step_request(const Json& step, std::string_view type);
    Json request(const Json& version, std::string_view type);
    void spoil(Json value);

    std::mt19937_64 random_;
};

}  // namespace sallyport::test
