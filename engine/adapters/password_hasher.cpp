#include "engine/adapters/password_hasher.hpp"

#include "common/crypto.hpp"

#include <argon2.h>

#include <array>
#include <memory>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kHashBytes = 32;

Result<std::string> hash_now(const Secret& password) {
    std::array<std::uint8_t, kSaltBytes> salt{};
    random_bytes(salt.data(), salt.size());
    std::array<char, 256> encoded{};
    const int code = argon2id_hash_encoded(
        PasswordHasher::kPasses, PasswordHasher::kMemoryKb, PasswordHasher::kLanes, password.data(),
        password.size(), salt.data(), salt.size(), kHashBytes, encoded.data(), encoded.size());
    if (code != ARGON2_OK) {
        return Error{std::string("argon2: ") + argon2_error_message(code)};
    }
    return std::string(encoded.data());
}

bool verify_now(const Secret& password, const std::string& encoded) {
    if (encoded.empty()) {
        static_cast<void>(hash_now(password));
        return false;
    }
    return argon2id_verify(encoded.c_str(), password.data(), password.size()) == ARGON2_OK;
}

}  // namespace

PasswordHasher::PasswordHasher(Loop& loop) : loop_(loop), thread_([this] { run(); }) {}

PasswordHasher::~PasswordHasher() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

void PasswordHasher::hash(Secret password, std::function<void(Result<std::string>)> done) {
    const auto secret = std::make_shared<Secret>(std::move(password));
    enqueue(
        [this, secret, done] { loop_.post([done, result = hash_now(*secret)] { done(result); }); },
        [done] { done(Error{"too many sign-ins at once"}); });
}

void PasswordHasher::verify(Secret password, std::string encoded,
                            std::function<void(Result<bool>)> done) {
    const auto secret = std::make_shared<Secret>(std::move(password));
    enqueue([this, secret, encoded = std::move(encoded),
             done] { loop_.post([done, result = verify_now(*secret, encoded)] { done(result); }); },
            [done] { done(Error{"too many sign-ins at once"}); });
}

void PasswordHasher::enqueue(std::function<void()> work, std::function<void()> refused) {
    {
        const std::lock_guard lock(mutex_);
        if (queue_.size() < kQueueMax && !stopping_) {
            queue_.push_back(std::move(work));
            wake_.notify_one();
            return;
        }
    }
    refused();
}

void PasswordHasher::run() {
    while (true) {
        std::function<void()> work;
        {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
            if (stopping_) {
                return;
            }
            work = std::move(queue_.front());
            queue_.pop_front();
        }
        work();
    }
}

}  // namespace sallyport::engine
