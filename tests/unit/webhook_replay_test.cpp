// The replay table: its states, its bounds, and the decision sequences of the vectors file.
#include "module/policy/webhook_replay.hpp"

#include "tests/unit/webhook_vectors.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <unordered_map>

namespace sallyport::policy::webhook {
namespace {

constexpr std::int64_t kLeaseMs = 90'000;
constexpr std::int64_t kTtlMs = 600'000;

class Table {
  public:
    explicit Table(std::size_t bytes = 64 * 1024)
        : memory_(bytes / 8), table_(ReplayTable::create(memory_.data(), bytes)) {}
    ReplayTable* operator->() { return table_; }
    const ReplayTable& operator*() const { return *table_; }

  private:
    std::vector<std::uint64_t> memory_;
    ReplayTable* table_;
};

ReplayKeys key(std::uint64_t a) {
    ReplayKeys keys;
    keys.keys[0] = {a * 0x9e3779b97f4a7c15, a};
    keys.count = 1;
    return keys;
}

ReplayKeys keys(std::initializer_list<std::uint64_t> all) {
    ReplayKeys out;
    for (const std::uint64_t a : all) {
        out.keys[out.count++] = key(a).keys[0];
    }
    return out;
}

TEST(ReplayTable, GoesFromAbsentOverInFlightToDone) {
    Table table;
    const Reservation first = table->reserve(key(1), 0, kLeaseMs);
    EXPECT_EQ(first.answer, Reserved::forward);
    const Reservation copy = table->reserve(key(1), 3000, kLeaseMs);
    EXPECT_EQ(copy.answer, Reserved::busy);
    EXPECT_EQ(copy.lease_left_ms, 87'000);
    EXPECT_EQ(table->reserve(key(2), 3000, kLeaseMs).answer, Reserved::forward);
    table->commit(key(1), first.token, 10'000, kTtlMs);
    EXPECT_EQ(table->reserve(key(1), 10'001, kLeaseMs).answer, Reserved::duplicate);
    EXPECT_EQ(table->reserve(key(1), 609'999, kLeaseMs).answer, Reserved::duplicate);
    EXPECT_EQ(table->reserve(key(1), 610'000, kLeaseMs).answer, Reserved::forward);
}

TEST(ReplayTable, ReleasesOnFailure) {
    Table table;
    const Reservation first = table->reserve(key(1), 0, kLeaseMs);
    table->release(key(1), first.token);
    EXPECT_EQ(table->used(), 0U);
    EXPECT_EQ(table->reserve(key(1), 1, kLeaseMs).answer, Reserved::forward);
}

TEST(ReplayTable, ADeadWorkersLeaseEnds) {
    Table table;
    const Reservation lost = table->reserve(key(1), 0, kLeaseMs);
    EXPECT_EQ(table->reserve(key(1), kLeaseMs - 1, kLeaseMs).answer, Reserved::busy);
    const Reservation next = table->reserve(key(1), kLeaseMs, kLeaseMs);
    EXPECT_EQ(next.answer, Reserved::forward);
    // The first was slow, not dead: what it says now must not undo the second's reservation …
    table->release(key(1), lost.token);
    EXPECT_EQ(table->reserve(key(1), kLeaseMs + 1, kLeaseMs).answer, Reserved::busy);
    // … but if it was delivered after all, it is done, and stays so when the second fails.
    table->commit(key(1), lost.token, kLeaseMs + 2, kTtlMs);
    table->release(key(1), next.token);
    EXPECT_EQ(table->reserve(key(1), kLeaseMs + 3, kLeaseMs).answer, Reserved::duplicate);
}

TEST(ReplayTable, CommitAfterTheEntryWasReclaimedStillCounts) {
    Table table;
    const Reservation first = table->reserve(key(1), 0, 1000);
    const Reservation again = table->reserve(key(1), 5000, 1000);
    table->release(key(1), again.token);
    table->commit(key(1), first.token, 6000, kTtlMs);
    EXPECT_EQ(table->reserve(key(1), 6001, kLeaseMs).answer, Reserved::duplicate);
}

// Secrets rotate: a copy may be recognised by any of several keys.
TEST(ReplayTable, KnowsADeliveryByAnyOfItsKeys) {
    Table table;
    const Reservation first = table->reserve(keys({1, 2}), 0, kLeaseMs);
    EXPECT_EQ(table->reserve(keys({2}), 1, kLeaseMs).answer, Reserved::busy);
    table->commit(keys({1, 2}), first.token, 2, kTtlMs);
    EXPECT_EQ(table->reserve(keys({3, 1}), 3, kLeaseMs).answer, Reserved::duplicate);
    EXPECT_EQ(table->reserve(keys({2}), 3, kLeaseMs).answer, Reserved::duplicate);
    EXPECT_EQ(table->used(), 2U);
    const Reservation both = table->reserve(keys({7, 7}), 3, kLeaseMs);
    EXPECT_EQ(both.answer, Reserved::forward);
    table->release(keys({7, 7}), both.token);
    EXPECT_EQ(table->used(), 2U);
}

TEST(ReplayTable, IsFullRatherThanForgetful) {
    Table table(8 * 1024);
    const std::uint32_t room = table->capacity();
    ASSERT_GT(room, 64U);
    for (std::uint32_t i = 0; i < room; ++i) {
        const Reservation r = table->reserve(key(i), 0, kLeaseMs);
        ASSERT_EQ(r.answer, Reserved::forward);
        table->commit(key(i), r.token, 0, i % 2 == 0 ? kTtlMs : 10 * kTtlMs);
    }
    EXPECT_EQ(table->reserve(key(room), 1, kLeaseMs).answer, Reserved::full);
    for (std::uint32_t i = 0; i < room; ++i) {
        ASSERT_EQ(table->reserve(key(i), 1, kLeaseMs).answer, Reserved::duplicate);
    }
    // Time makes room, and takes only what has ended.
    for (std::uint32_t i = 0; i < room / 2; ++i) {
        ASSERT_EQ(table->reserve(key(room + i), kTtlMs + 1, kLeaseMs).answer, Reserved::forward);
    }
    EXPECT_EQ(table->reserve(key(3 * room), kTtlMs + 1, kLeaseMs).answer,
              room % 2 == 0 ? Reserved::full : Reserved::forward);
    EXPECT_EQ(table->reserve(key(1), kTtlMs + 1, kLeaseMs).answer, Reserved::duplicate);
}

TEST(ReplayTable, IsTakenOverByATableOfAnotherSize) {
    Table small(16 * 1024);
    for (std::uint64_t i = 0; i < 100; ++i) {
        const Reservation r = small->reserve(key(i), 0, kLeaseMs);
        if (i < 50) {
            small->commit(key(i), r.token, 0, kTtlMs);
        }
    }
    Table large(64 * 1024);
    large->adopt(*small, 10);
    EXPECT_EQ(large->used(), 100U);
    EXPECT_EQ(large->reserve(key(10), 10, kLeaseMs).answer, Reserved::duplicate);
    EXPECT_EQ(large->reserve(key(60), 10, kLeaseMs).answer, Reserved::busy);
    EXPECT_EQ(large->reserve(key(60), kLeaseMs, kLeaseMs).answer, Reserved::forward);
    EXPECT_EQ(large->reserve(key(200), 10, kLeaseMs).answer, Reserved::forward);
}

// What another program left is believed only as far as it fits.
TEST(ReplayTable, IsRecognisedInMemory) {
    std::vector<std::uint64_t> memory(4096);
    const std::span<const std::byte> bytes = std::as_bytes(std::span(memory));
    ReplayTable* table = ReplayTable::create(memory.data(), bytes.size());
    const Reservation r = table->reserve(key(1), 0, kLeaseMs);
    table->commit(key(1), r.token, 0, kTtlMs);
    const ReplayTable* seen = ReplayTable::look(bytes);
    ASSERT_NE(seen, nullptr);
    Table other(16 * 1024);
    other->adopt(*seen, 10);
    EXPECT_EQ(other->reserve(key(1), 10, kLeaseMs).answer, Reserved::duplicate);
    EXPECT_EQ(ReplayTable::look(bytes.first(bytes.size() / 2)), nullptr) << "entries are missing";
    EXPECT_EQ(ReplayTable::look(bytes.first(16)), nullptr);
    EXPECT_EQ(ReplayTable::look({}), nullptr);
    std::fill(memory.begin(), memory.end(), ~std::uint64_t{0});
    EXPECT_EQ(ReplayTable::look(bytes), nullptr);
}

// Random orders against the plainest possible model.
TEST(ReplayTable, AgreesWithAModel) {
    struct Known {
        bool done = false;
        std::int64_t until = 0;
        std::uint32_t token = 0;
    };
    std::mt19937 random(7);
    Table table(16 * 1024);
    std::unordered_map<std::uint64_t, Known> model;
    std::int64_t now = 0;
    for (int step = 0; step < 200'000; ++step) {
        now += random() % 50;
        const std::uint64_t k = random() % 200;
        auto found = model.find(k);
        if (found != model.end() && found->second.until <= now) {
            model.erase(found);
            found = model.end();
        }
        switch (random() % 3) {
            case 0: {
                const Reservation r = table->reserve(key(k), now, 2000);
                const Reserved wanted = found == model.end() ? Reserved::forward
                                        : found->second.done ? Reserved::duplicate
                                                             : Reserved::busy;
                ASSERT_EQ(r.answer, wanted) << step;
                if (wanted == Reserved::forward) {
                    model[k] = {false, now + 2000, r.token};
                }
                break;
            }
            case 1:
                if (found != model.end() && !found->second.done) {
                    table->commit(key(k), found->second.token, now, 5000);
                    found->second = {true, now + 5000, found->second.token};
                }
                break;
            default:
                if (found != model.end() && !found->second.done) {
                    table->release(key(k), found->second.token);
                    model.erase(found);
                }
        }
        ASSERT_LE(table->used(), 200U);
    }
}

TEST(ReplayKeys, DependOnScopeKindTextAndStore) {
    const HmacKey store(DigestAlgorithm::sha256, "store");
    const HmacKey other(DigestAlgorithm::sha256, "other");
    ReplayIdentity identity;
    identity.kind = ReplayIdentity::Kind::id;
    identity.texts[0] = "evt_1";
    identity.count = 1;
    const ReplayKey base = make_replay_keys(identity, "a", store).keys[0];
    EXPECT_EQ(make_replay_keys(identity, "a", store).keys[0], base);
    EXPECT_NE(make_replay_keys(identity, "b", store).keys[0], base);
    EXPECT_NE(make_replay_keys(identity, "a", other).keys[0], base);
    identity.kind = ReplayIdentity::Kind::signature;
    EXPECT_NE(make_replay_keys(identity, "a", store).keys[0], base);
}

TEST(ReplayDecision, TellsSendersWhatToDo) {
    const Decision busy = replay_decision({Reserved::busy, 0, 87'000}, 200, 503);
    EXPECT_EQ(busy.verdict, Verdict::deny);
    EXPECT_EQ(busy.status, 503);
    EXPECT_EQ(busy.retry_after_s, 10U);
    EXPECT_EQ(replay_decision({Reserved::busy, 0, 1200}, 200, 503).retry_after_s, 2U);
    EXPECT_EQ(replay_decision({Reserved::busy, 0, 1200}, 200, 200).verdict, Verdict::answer);
    const Decision duplicate = replay_decision({Reserved::duplicate, 0, 0}, 200, 503);
    EXPECT_EQ(duplicate.verdict, Verdict::answer);
    EXPECT_EQ(duplicate.reason, Reason::webhook_duplicate);
    EXPECT_EQ(replay_decision({Reserved::duplicate, 0, 0}, 409, 503).verdict, Verdict::deny);
    const Decision full = replay_decision({Reserved::full, 0, 0}, 200, 503);
    EXPECT_EQ(full.reason, Reason::webhook_replay_store_full);
    EXPECT_EQ(full.status, 503);
    EXPECT_GT(full.retry_after_s, 0U);
}

TEST(ReplayLife, FollowsTheScheme) {
    constexpr std::int64_t kDay = 86'400'000;
    const auto life = [](std::string_view text, std::int64_t horizon) {
        auto profile = parse_profile("p", text);
        profile->retry_horizon_ms = horizon;
        return automatic_life(*profile);
    };
    EXPECT_EQ(life("sig=header:S", 0).signature_ms, 7 * kDay);
    EXPECT_EQ(life("sig=header:S", 15 * kDay).signature_ms, 15 * kDay);
    const std::string timed = "sig=header:S signed=\"{timestamp}{body}\" ts=header:T ";
    EXPECT_EQ(life(timed + "tolerance=300", 0).signature_ms, 660'000);
    EXPECT_EQ(life(timed + "tolerance=300", 0).id_ms, 3 * kDay);
    EXPECT_EQ(life(timed + "tolerance=300", 600'000).id_ms, 660'000);
    EXPECT_EQ(life(timed, 0).signature_ms, 7 * kDay);
}

// The sequences of the vectors file that concern the table alone: what an upstream does is the
// event between two deliveries.
TEST(ReplaySequences, AreFollowed) {
    std::size_t sequences = 0;
    std::size_t checked = 0;
    test::vector_file()["replay_sequences"].each_element([&](Json sequence) {
        const std::string id(sequence["id"].text());
        if (id == "replay/zone-full" || id == "replay/outside-ttl-stale") {
            return;  // IsFullRatherThanForgetful; freshness is the verifier's
        }
        ++sequences;
        Table table;
        struct InFlight {
            ReplayKeys keys;
            std::uint32_t token;
            std::int64_t ends_ms;
        };
        std::vector<InFlight> flights;
        sequence["steps"].each_element([&](Json step) {
            const std::int64_t now = step["t"].integer_or(0) * 1000;
            std::erase_if(flights, [&](const InFlight& flight) {
                if (flight.ends_ms > now) {
                    return false;
                }
                table->commit(flight.keys, flight.token, flight.ends_ms, 7 * 86'400'000LL);
                return true;
            });
            if (!step.has("key")) {
                return;  // a reload: the table stays as it is
            }
            const std::string name(step.has("id") && id.find("unsigned") == std::string::npos
                                       ? step["id"].text()
                                       : step["key"].text());
            const ReplayKeys keys = key(std::hash<std::string>()(name));
            const Reservation r = table->reserve(keys, now, kLeaseMs);
            const std::string_view expect = step["expect"].text();
            ++checked;
            EXPECT_EQ(r.answer, expect == "forward"     ? Reserved::forward
                                : expect == "in-flight" ? Reserved::busy
                                                        : Reserved::duplicate)
                << id << " at " << now;
            if (r.answer != Reserved::forward) {
                return;
            }
            const Json upstream = step["upstream"];
            if (upstream.integer_or(0) == 200 ||
                upstream.text().find("client") != std::string::npos) {
                table->commit(keys, r.token, now, 7 * 86'400'000LL);
            } else if (upstream.text() == "200 after 10s") {
                flights.push_back({keys, r.token, now + 10'000});
            } else if (upstream.text() != "worker killed") {
                table->release(keys, r.token);
            }
        });
    });
    EXPECT_EQ(sequences, 10U);
    EXPECT_GE(checked, 20U);
}

}  // namespace
}  // namespace sallyport::policy::webhook
