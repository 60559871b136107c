#include "engine/core/runs/resume_id.hpp"

#include "common/bytes.hpp"

#include <array>

namespace sallyport::engine {
namespace {

constexpr std::size_t kNameDigits = 8;    // tells the run's waits apart
constexpr std::size_t kProofDigits = 13;  // 52 bits: what has to be guessed, over the network

std::string digits(const HmacKey& key, const std::string& text, std::size_t count) {
    std::array<std::uint8_t, 64> digest{};
    HmacStream stream(key);
    stream.update(text);
    const std::size_t size = stream.finish(digest.data());
    return hex_encode(digest.data(), size).substr(0, count);
}

std::string proof(const HmacKey& key, std::string_view run_id, std::string_view name) {
    std::string text = "resume-proof:";
    text.append(run_id).append(":").append(name);
    return digits(key, text, kProofDigits);
}

}  // namespace

std::string resume_id(const HmacKey& key, std::string_view run_id, std::string_view step,
                      std::uint32_t attempt, std::string_view path) {
    std::string text = "resume-name:";
    text.append(run_id).append(":").append(step).append("[").append(path).append("]:");
    text += std::to_string(attempt);
    const std::string name = digits(key, text, kNameDigits);
    return name + proof(key, run_id, name);
}

bool is_resume_id_of(const HmacKey& key, std::string_view run_id, std::string_view id) {
    return id.size() == kNameDigits + kProofDigits &&
           constant_time_equal(proof(key, run_id, id.substr(0, kNameDigits)),
                               id.substr(kNameDigits));
}

}  // namespace sallyport::engine
