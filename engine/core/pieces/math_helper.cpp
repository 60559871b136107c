// The math helper piece: arithmetic of two numbers, as JavaScript's numbers have it.
#include "engine/core/pieces/input.hpp"
#include "engine/core/pieces/table.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace sallyport::engine {
namespace {

struct Pair {
    double first;
    double second;
};

Result<Pair> pair_of(const Json& input) {
    const Result<double> first = input_number(input, "first_number");
    if (!first.ok()) {
        return first.error();
    }
    const Result<double> second = input_number(input, "second_number");
    return second.ok() ? Result<Pair>(Pair{*first, *second}) : second.error();
}

template <typename F>
Result<Json> with_pair(const Json& input, F&& f) {
    const Result<Pair> pair = pair_of(input);
    return pair.ok() ? number_json(f(*pair)) : pair.error();
}

Result<Json> add(const Json& input, const PieceWorld&) {
    return with_pair(input, [](Pair p) { return p.first + p.second; });
}

// The first is taken from the second, as the piece's form says.
Result<Json> subtract(const Json& input, const PieceWorld&) {
    return with_pair(input, [](Pair p) { return p.second - p.first; });
}

Result<Json> multiply(const Json& input, const PieceWorld&) {
    return with_pair(input, [](Pair p) { return p.first * p.second; });
}

template <typename F>
Result<Json> with_divisor(const Json& input, F&& f) {
    const Result<Pair> pair = pair_of(input);
    if (!pair.ok()) {
        return pair.error();
    }
    if (pair->second == 0) {
        return input_error("second_number", "Expected a number other than 0, received: 0");
    }
    return number_json(f(*pair));
}

Result<Json> divide(const Json& input, const PieceWorld&) {
    return with_divisor(input, [](Pair p) { return p.first / p.second; });
}

Result<Json> modulo(const Json& input, const PieceWorld&) {
    return with_divisor(input, [](Pair p) { return std::fmod(p.first, p.second); });
}

// Between the two, both included.
Result<Json> random_number(const Json& input, const PieceWorld& world) {
    const Result<Pair> pair = pair_of(input);
    if (!pair.ok()) {
        return pair.error();
    }
    const double low = std::min(pair->first, pair->second);
    const double high = std::max(pair->first, pair->second);
    std::uint64_t bits = 0;
    const Bytes bytes = world.random(sizeof(bits));
    std::memcpy(&bits, bytes.data(), std::min(sizeof(bits), bytes.size()));
    const double share = static_cast<double>(bits >> 11) * 0x1.0p-53;
    return number_json(std::floor(share * (high - low + 1) + low));
}

}  // namespace

const NativePiece kMathHelperNative = {R"json({
 "name":"@activepieces/piece-math-helper","version":"0.0.17","displayName":"Math Helper",
 "description":"Calculate with numbers","categories":["CORE"],
 "actions":{
  "addition_math":{"displayName":"Addition","description":"Adds the two","props":{"first_number":["NUMBER","First Number",true],"second_number":["NUMBER","Second Number",true]}},
  "subtraction_math":{"displayName":"Subtraction","description":"Takes the first from the second","props":{"first_number":["NUMBER","First Number",true],"second_number":["NUMBER","Second Number",true]}},
  "multiplication_math":{"displayName":"Multiplication","description":"Multiplies the two","props":{"first_number":["NUMBER","First Number",true],"second_number":["NUMBER","Second Number",true]}},
  "division_math":{"displayName":"Division","description":"Divides the first by the second","props":{"first_number":["NUMBER","First Number",true],"second_number":["NUMBER","Second Number",true]}},
  "modulo_math":{"displayName":"Modulo","description":"What is left when the first is divided by the second","props":{"first_number":["NUMBER","First Number",true],"second_number":["NUMBER","Second Number",true]}},
  "generateRandom_math":{"displayName":"Generate Random Number","description":"A whole number between the two","props":{"first_number":["NUMBER","First Number",true],"second_number":["NUMBER","Second Number",true]}}},
 "triggers":{}
})json",
                                       {{"addition_math", add},
                                        {"subtraction_math", subtract},
                                        {"multiplication_math", multiply},
                                        {"division_math", divide},
                                        {"modulo_math", modulo},
                                        {"generateRandom_math", random_number}}};

}  // namespace sallyport::engine
