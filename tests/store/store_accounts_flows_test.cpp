// What every store must do: accounts and flows. One suite, each kind of store.
#include "tests/store/run_store_fixture.hpp"

#include <set>
#include <string>
#include <vector>

namespace sallyport::test {
namespace {

using namespace engine;

class AccountsAndFlows : public StoreTest {
  protected:
    Result<AccountStore::SignUp> sign_up(const std::string& id, const std::string& email,
                                         bool open) {
        return ask_on<AccountStore::SignUp>([&](auto done) {
            store_->sign_up(a_user(id, email), a_project("project-" + id, id), open, done);
        });
    }
    Result<std::optional<StoredFlow>> flow(const std::string& id, FlowStore::Which which,
                                           const std::string& version = {}) {
        return ask_on<std::optional<StoredFlow>>(
            [&](auto done) { store_->flow(id, which, version, done); });
    }
    void create(const StoredFlow& flow) {
        const auto created = ask_on<Done>([&](auto done) { store_->create_flow(flow, done); });
        ASSERT_TRUE(created.ok()) << created.message();
    }
    std::vector<std::string> list(const FlowQuery& query, Page<StoredFlow>* page = nullptr) {
        auto found = ask_on<Page<StoredFlow>>([&](auto done) { store_->list_flows(query, done); });
        EXPECT_TRUE(found.ok()) << found.message();
        std::vector<std::string> ids;
        for (const StoredFlow& row : found->rows) {
            ids.push_back(row.flow.id);
        }
        if (page != nullptr) {
            *page = *std::move(found);
        }
        return ids;
    }
};

TEST_P(AccountsAndFlows, TheFirstUserMakesThePlatform) {
    const auto first = sign_up("u1", "ann@example.org", false);
    ASSERT_TRUE(first.ok()) << first.message();
    EXPECT_EQ(first->outcome, SignUpOutcome::created);
    EXPECT_EQ(first->user.platform_role, "ADMIN");
    EXPECT_EQ(sign_up("u2", "ann@example.org", true)->outcome, SignUpOutcome::existing_user);
    EXPECT_EQ(sign_up("u2", "bob@example.org", false)->outcome, SignUpOutcome::invitation_only);
    const auto second = sign_up("u2", "bob@example.org", true);
    ASSERT_TRUE(second.ok()) << second.message();
    EXPECT_EQ(second->outcome, SignUpOutcome::created);
    EXPECT_EQ(second->user.platform_id, first->user.platform_id);
    EXPECT_EQ(second->user.platform_role, "MEMBER");
    const auto found = ask_on<std::optional<UserRow>>(
        [&](auto done) { store_->user_by_email("ann@example.org", done); });
    ASSERT_TRUE(found.ok() && found->has_value());
    EXPECT_EQ((*found)->last_name, "Léger \xf0\x9f\x9a\xaa");
    EXPECT_TRUE((*found)->news_letter);
    EXPECT_FALSE((*found)->track_events);
    const auto projects =
        ask_on<std::vector<ProjectRow>>([&](auto done) { store_->projects_of("u1", done); });
    ASSERT_EQ(projects->size(), 1u);
    EXPECT_EQ(projects->front().display_name, "Ann's Project");
    EXPECT_FALSE(ask_on<std::optional<UserRow>>([&](auto done) {
                     store_->user_by_id("nobody", done);
                 })->has_value());
}

TEST_P(AccountsAndFlows, OneOfManySignUpsAtOnceMakesThePlatform) {
    std::vector<SignUpOutcome> outcomes;
    for (int i = 0; i < 5; ++i) {
        const std::string id = "u" + std::to_string(i);
        store_->sign_up(a_user(id, id + "@example.org"), a_project("p" + id, id), false,
                        [&outcomes](const Result<AccountStore::SignUp>& result) {
                            ASSERT_TRUE(result.ok()) << result.message();
                            outcomes.push_back(result->outcome);
                        });
    }
    ASSERT_TRUE(loop_.run_until([&] { return outcomes.size() == 5; }));
    EXPECT_EQ(std::count(outcomes.begin(), outcomes.end(), SignUpOutcome::created), 1);
}

TEST_P(AccountsAndFlows, FlowsHaveVersions) {
    ASSERT_TRUE(sign_up("u", "ann@example.org", false).ok());
    create(a_flow("f1", "project-u"));
    auto draft = flow("f1", FlowStore::Which::latest);
    ASSERT_TRUE(draft.ok() && draft->has_value());
    EXPECT_EQ((*draft)->version.trigger, R"({"name":"trigger","text":"\u0000"})");
    EXPECT_EQ((*draft)->flow.metadata, "");
    EXPECT_EQ((*draft)->flow.template_id, "");
    StoredFlow copy = a_flow("f0", "project-u");
    copy.flow.template_id = "template-1";
    copy.flow.claimed_until_ms = 1'790'000'000'000;
    create(copy);
    EXPECT_EQ((*flow("f0", FlowStore::Which::latest))->flow.claimed_until_ms, 1'790'000'000'000);
    EXPECT_EQ((*draft)->flow.claimed_until_ms, 0);
    EXPECT_EQ((*flow("f0", FlowStore::Which::latest))->flow.template_id, "template-1");
    const auto change = [&](const FlowStore::Change& change_it) {
        return ask_on<std::optional<StoredFlow>>(
            [&](auto done) { store_->change_flow("f1", change_it, done); });
    };
    ASSERT_TRUE(change([](StoredFlow& flow) {
                    flow.version.state = "LOCKED";
                    flow.flow.published_version_id = flow.version.id;
                    return true;
                }).ok());
    ASSERT_TRUE(change([](StoredFlow& flow) {
                    flow.version.id = "second";
                    flow.version.state = "DRAFT";
                    flow.version.created_ms += 1;
                    flow.flow.updated_ms += 1;
                    return true;
                }).ok());
    EXPECT_EQ((*flow("f1", FlowStore::Which::latest))->version.id, "second");
    EXPECT_EQ((*flow("f1", FlowStore::Which::published_or_latest))->version.id, "version-of-f1");
    EXPECT_EQ((*flow("f1", FlowStore::Which::by_id, "second"))->version.state, "DRAFT");
    EXPECT_FALSE(flow("f1", FlowStore::Which::by_id, "third")->has_value());
    ASSERT_TRUE(change([](StoredFlow& flow) {
                    flow.version.display_name = "never";
                    return false;
                }).ok());
    EXPECT_EQ((*flow("f1", FlowStore::Which::latest))->version.display_name, "Flow f1");
    ASSERT_TRUE(ask_on<Done>([&](auto done) { store_->delete_flow("f1", done); }).ok());
    EXPECT_FALSE(flow("f1", FlowStore::Which::latest)->has_value());
    const auto unknown = change([](StoredFlow&) { return true; });
    EXPECT_TRUE(unknown.ok() && !unknown->has_value());
}

TEST_P(AccountsAndFlows, AConnectionThatIsPublishedIsNotDeleted) {
    ASSERT_TRUE(sign_up("u", "ann@example.org", false).ok());
    EntityRow connection{"connection", "c", "project-u", "it's \"a\"", "", "{}", 1, 1};
    const auto stored = ask_on<std::optional<EntityRow>>([&](auto done) {
        store_->change_entity(
            connection.kind, connection.scope, connection.key,
            [connection](std::optional<EntityRow>& row) {
                row = connection;
                return true;
            },
            done);
    });
    ASSERT_TRUE(stored.ok()) << stored.message();
    const auto deleted = [&] {
        return *ask_on<bool>(
            [&](auto done) { store_->delete_unused_connection(connection, done); });
    };
    const auto there = [&] {
        return ask_on<std::optional<EntityRow>>(
                   [&](auto done) { store_->entity("connection", "c", done); })
            ->has_value();
    };
    StoredFlow user = a_flow("f1", "project-u");
    user.version.connection_ids = Json::parse(R"(["it's \"a\""])")->dump();
    user.flow.published_version_id = user.version.id;
    create(user);
    create(a_flow("f2", "project-u"));
    EXPECT_FALSE(deleted());
    EXPECT_TRUE(there());
    // A draft that names it, and a published version that does not any more, keep nothing.
    const auto changed = ask_on<std::optional<StoredFlow>>([&](auto done) {
        store_->change_flow(
            "f1",
            [](StoredFlow& flow) {
                flow.flow.published_version_id = "";
                return true;
            },
            done);
    });
    ASSERT_TRUE(changed.ok());
    connection.scope = "project-u";
    EXPECT_TRUE(deleted());
    EXPECT_FALSE(there());
    EXPECT_TRUE(deleted()) << "what is not there is deleted already";
}

TEST_P(AccountsAndFlows, ConnectionsKnowTheFlowsThatUseThem) {
    ASSERT_TRUE(sign_up("u", "ann@example.org", false).ok());
    ASSERT_TRUE(sign_up("v", "bob@example.org", true).ok());
    const auto flow_using = [&](const std::string& id, const std::string& connections,
                                const std::string& project, std::int64_t updated_ms) {
        StoredFlow made = a_flow(id, project);
        made.version.connection_ids = connections;
        made.flow.updated_ms = updated_ms;
        create(made);
    };
    const std::string odd = Json::string("it's \"a\"\\%\u00e9\x01").dump();
    flow_using("f1", "[" + odd + ",\"b\"]", "project-u", 10);
    flow_using("f2", "[\"b\",\"ab\"]", "project-u", 30);
    flow_using("f3", "[]", "project-u", 20);
    flow_using("f4", "[\"b\"]", "project-v", 40);
    // Published with one connection, and since then edited to use another one.
    flow_using("f5", "[\"old\",\"b\"]", "project-u", 5);
    const auto edited = ask_on<std::optional<StoredFlow>>([&](auto done) {
        store_->change_flow(
            "f5",
            [](StoredFlow& flow) {
                flow.flow.published_version_id = flow.version.id;
                flow.version.id = "second";
                flow.version.created_ms += 1;
                flow.version.connection_ids = "[\"new\",\"b\"]";
                return true;
            },
            done);
    });
    ASSERT_TRUE(edited.ok()) << edited.message();
    const auto uses = [&](const std::string& project, const std::vector<std::string>& wanted) {
        const auto found = ask_on<FlowStore::ConnectionUses>(
            [&](auto done) { store_->connection_uses(project, wanted, done); });
        EXPECT_TRUE(found.ok()) << found.message();
        std::string text;
        for (const auto& [connection, flow] : *found) {
            text += connection + ":" + flow + " ";
        }
        return text;
    };
    const std::string name(Json::parse(odd)->text());
    EXPECT_EQ(uses("project-u", {"b"}), "b:f2 b:f1 b:f5 ");
    EXPECT_EQ(uses("project-u", {name, "ab", "a", "nobody"}), "ab:f2 " + name + ":f1 ");
    EXPECT_EQ(uses("project-u", {"old"}), "old:f5 ") << "what is published counts";
    EXPECT_EQ(uses("project-u", {"new"}), "new:f5 ") << "and so does what is edited";
    EXPECT_EQ(uses("project-v", {"b"}), "b:f4 ") << "each project has its own";
    EXPECT_EQ(uses("project-u", {}), "");
    EXPECT_EQ(uses("nowhere", {"b"}), "");
    // A version before the latest, that is not published, uses nothing any more.
    const auto published = ask_on<std::optional<StoredFlow>>([&](auto done) {
        store_->change_flow(
            "f5",
            [](StoredFlow& flow) {
                flow.flow.published_version_id = "second";
                return true;
            },
            done);
    });
    ASSERT_TRUE(published.ok()) << published.message();
    EXPECT_EQ(uses("project-u", {"old"}), "");
}

TEST_P(AccountsAndFlows, ASampleGoesWhenNothingNamesIt) {
    ASSERT_TRUE(sign_up("u", "ann@example.org", false).ok());
    for (const char* id : {"old", "shared", "elsewhere", "other"}) {
        const EntityRow row{"sample_data",
                            id,
                            id == std::string("elsewhere") ? "p2" : "project-u",
                            id,
                            "",
                            id == std::string("other")
                                ? R"({"flowId":"f2","payload":{"flowId":"f1"}})"
                                : R"({"flowId":"f1","payload":"\u0000"})",
                            1,
                            1};
        ASSERT_TRUE(ask_on<std::optional<EntityRow>>([&](auto done) {
                        store_->change_entity(
                            row.kind, row.scope, row.key,
                            [row](std::optional<EntityRow>& stored) {
                                stored = row;
                                return true;
                            },
                            done);
                    }).ok());
    }
    StoredFlow flow = a_flow("f1", "project-u");
    flow.version.trigger = R"({"name":"trigger","settings":{"sampleDataFileId":"shared"}})";
    create(flow);
    const auto drops = [&](const std::string& id) {
        ASSERT_TRUE(ask_on<std::optional<StoredFlow>>([&](auto done) {
                        store_->change_flow(
                            "f1",
                            [id](StoredFlow& stored) {
                                stored.version.id = "later";
                                stored.version.created_ms += 1;
                                stored.version.trigger = "{}";
                                stored.dropped_sample = id;
                                return true;
                            },
                            done);
                    }).ok());
    };
    const auto there = [&](const std::string& id) {
        return ask_on<std::optional<EntityRow>>(
                   [&](auto done) { store_->entity("sample_data", id, done); })
            ->has_value();
    };
    drops("old");
    drops("shared");
    drops("elsewhere");
    drops("other");
    EXPECT_FALSE(there("old"));
    EXPECT_TRUE(there("shared")) << "an earlier version names it";
    EXPECT_TRUE(there("elsewhere")) << "another project's";
    EXPECT_TRUE(there("other")) << "another flow's";
}

TEST_P(AccountsAndFlows, SchedulesComeAndGoWithTheirFlow) {
    ASSERT_TRUE(sign_up("u", "ann@example.org", false).ok());
    create(a_flow("f1", "project-u"));
    const auto due = [&](std::int64_t now_ms) {
        const auto rows = ask_on<std::vector<ScheduleRow>>(
            [&](auto done) { store_->due_schedules(now_ms, 10, done); });
        EXPECT_TRUE(rows.ok()) << rows.message();
        return rows.ok() ? *rows : std::vector<ScheduleRow>();
    };
    const auto set = [&](const std::optional<ScheduleRow>& schedule) {
        return ask_on<std::optional<StoredFlow>>([&](auto done) {
                   store_->change_flow(
                       "f1",
                       [schedule](StoredFlow& flow) {
                           flow.schedule_changed = true;
                           flow.schedule = schedule;
                           return true;
                       },
                       done);
               })
            .ok();
    };
    const ScheduleRow row{"f1", "* * * * *", "Europe/Berlin", 5000};
    ASSERT_TRUE(set(row));
    EXPECT_TRUE(due(4999).empty());
    ASSERT_EQ(due(5000).size(), 1u);
    EXPECT_EQ(due(5000)[0].timezone, "Europe/Berlin");
    const auto coming = [&](const std::string& after, std::int64_t now_ms) {
        const auto rows = ask_on<std::vector<ScheduleRow>>(
            [&](auto done) { store_->coming_schedules(after, now_ms, 10, done); });
        EXPECT_TRUE(rows.ok()) << rows.message();
        return rows.ok() ? *rows : std::vector<ScheduleRow>();
    };
    ASSERT_EQ(coming("", 4999).size(), 1u);
    EXPECT_EQ(coming("", 4999)[0].next_ms, 5000);
    EXPECT_TRUE(coming("", 5000).empty());
    EXPECT_TRUE(coming("f1", 4999).empty());
    ScheduleRow later = row;
    later.next_ms = 6000;
    const auto advance = [&](const ScheduleRow& to, std::int64_t from_ms) {
        return ask_on<Done>([&](auto done) { store_->advance_schedule(to, from_ms, done); }).ok();
    };
    ASSERT_TRUE(advance(later, 4000));
    EXPECT_EQ(due(9000)[0].next_ms, 5000) << "another was quicker";
    ASSERT_TRUE(advance(later, 5000));
    EXPECT_EQ(due(9000)[0].next_ms, 6000);
    later.next_ms = ScheduleRow::kNever;
    ASSERT_TRUE(advance(later, 6000));
    EXPECT_TRUE(due(9000).empty());
    ASSERT_TRUE(set(row));
    ASSERT_TRUE(set(std::nullopt));
    EXPECT_TRUE(due(9000).empty());
    ASSERT_TRUE(set(row));
    ASSERT_TRUE(ask_on<Done>([&](auto done) { store_->delete_flow("f1", done); }).ok());
    EXPECT_TRUE(due(9000).empty()) << "gone with its flow";
}

TEST_P(AccountsAndFlows, ChangesOfOneFlowDoNotMix) {
    ASSERT_TRUE(sign_up("u", "ann@example.org", false).ok());
    create(a_flow("f1", "project-u"));
    int done = 0;
    for (int i = 0; i < 20; ++i) {
        store_->change_flow(
            "f1",
            [](StoredFlow& flow) {
                flow.version.display_name += "+";
                return true;
            },
            [&done](const Result<std::optional<StoredFlow>>& flow) {
                ASSERT_TRUE(flow.ok()) << flow.message();
                ++done;
            });
    }
    ASSERT_TRUE(loop_.run_until([&] { return done == 20; }));
    EXPECT_EQ((*flow("f1", FlowStore::Which::latest))->version.display_name,
              "Flow f1" + std::string(20, '+'));
}

TEST_P(AccountsAndFlows, ListsArePagedBothWays) {
    ASSERT_TRUE(sign_up("u", "ann@example.org", false).ok());
    for (int i = 0; i < 7; ++i) {
        StoredFlow flow = a_flow("f" + std::to_string(i), "project-u");
        flow.flow.updated_ms = 2000 + i / 2;  // equal times are told apart by the id
        flow.version.display_name = i == 3 ? "100% wei_rd" : "plain";
        create(flow);
    }
    FlowQuery query;
    query.project_id = "project-u";
    query.limit = 3;
    Page<StoredFlow> page;
    EXPECT_EQ(list(query, &page), (std::vector<std::string>{"f6", "f5", "f4"}));
    EXPECT_FALSE(page.previous);
    query.cursor = page.next;
    EXPECT_EQ(list(query, &page), (std::vector<std::string>{"f3", "f2", "f1"}));
    const auto back = page.previous;
    query.cursor = page.next;
    EXPECT_EQ(list(query, &page), (std::vector<std::string>{"f0"}));
    EXPECT_FALSE(page.next);
    query.cursor = back;
    EXPECT_EQ(list(query, &page), (std::vector<std::string>{"f6", "f5", "f4"}));
    query.cursor.reset();
    query.name = "% WEI_";
    EXPECT_EQ(list(query), (std::vector<std::string>{"f3"})) << "wildcards are text";
    query.name.clear();
    query.external_ids = {"f1", "f2", "it's"};
    EXPECT_EQ(list(query), (std::vector<std::string>{"f2", "f1"}));
    EXPECT_EQ(*ask_on<std::int64_t>([&](auto done) { store_->count_flows("project-u", "", done); }),
              7);
}

// However many are given it at once.
TEST_P(AccountsAndFlows, OneUserHasAnExternalId) {
    std::vector<std::string> ids;
    for (int i = 0; i < 4; ++i) {
        ids.push_back("u" + std::to_string(i));
        ASSERT_TRUE(sign_up(ids.back(), ids.back() + "@example.org", true).ok());
    }
    const auto give = [this](const std::string& id, const std::string& external,
                             StoreDone<std::optional<UserRow>> done) {
        store_->change_user(
            id,
            [external](UserRow& user) {
                user.external_id = external;
                user.first_name = "Called " + external;
                return true;
            },
            std::move(done));
    };
    int answers = 0;
    int taken = 0;
    for (const std::string& id : ids) {
        give(id, "x", [&](const Result<std::optional<UserRow>>& user) {
            ASSERT_TRUE(user.ok() && user->has_value());
            const bool has = (*user)->external_id == "x";
            EXPECT_EQ((*user)->first_name, has ? "Called x" : "Ann") << "all of it or nothing";
            taken += has ? 1 : 0;
            ++answers;
        });
    }
    ASSERT_TRUE(loop_.run_until([&] { return answers == 4; }));
    EXPECT_EQ(taken, 1);
    const auto page = ask_on<Page<UserRow>>(
        [&](auto done) { store_->list_users("platform-of-u0", "x", {}, 10, done); });
    ASSERT_EQ(page->rows.size(), 1u);
    // The name is free again once its owner is called otherwise, and nobody's is everybody's.
    for (const std::string& id : ids) {
        const auto freed = ask_on<std::optional<UserRow>>([&](auto done) { give(id, "", done); });
        EXPECT_EQ((*freed)->external_id, "");
    }
    const auto again = ask_on<std::optional<UserRow>>([&](auto done) { give("u3", "x", done); });
    EXPECT_EQ((*again)->external_id, "x");
    const auto same = ask_on<std::optional<UserRow>>([&](auto done) { give("u3", "x", done); });
    EXPECT_EQ((*same)->first_name, "Called x");
}

TEST_P(AccountsAndFlows, TextFromOutsideIsNeverAnError) {
    for (const std::string& id :
         {std::string("\xff\xfe"), std::string("a\0b", 3), std::string("'; DROP TABLE flow; --"),
          std::string("{\"a\",b}"), std::string()}) {
        const auto user =
            ask_on<std::optional<UserRow>>([&](auto done) { store_->user_by_id(id, done); });
        EXPECT_TRUE(user.ok() && !user->has_value());
        const auto run =
            ask_on<std::optional<StoredRun>>([&](auto done) { store_->run(id, done); });
        EXPECT_TRUE(run.ok() && !run->has_value());
    }
}

INSTANTIATE_TEST_SUITE_P(Sqlite, AccountsAndFlows, ::testing::Values(StoreKind::sqlite));
INSTANTIATE_TEST_SUITE_P(Postgres, AccountsAndFlows, ::testing::Values(StoreKind::postgres));

}  // namespace
}  // namespace sallyport::test
