// What every store must do: entities, versions of flows, folders.
#include "tests/store/run_store_fixture.hpp"

#include <string>
#include <vector>

namespace sallyport::test {
namespace {

using namespace engine;

class Entities : public StoreTest {
  protected:
    static EntityRow row(const std::string& id, const std::string& scope, std::int64_t at_ms) {
        EntityRow made;
        made.kind = "thing";
        made.id = id;
        made.scope = scope;
        made.key = "key-" + id;
        made.label = "Label_" + id;
        made.body = R"({"colour":")" + std::string(at_ms % 2 == 0 ? "even" : "odd") + "\"}";
        made.created_ms = made.updated_ms = at_ms;
        return made;
    }
    std::optional<EntityRow> put(const EntityRow& made) {
        const auto stored = ask_on<std::optional<EntityRow>>([&](auto done) {
            store_->change_entity(
                made.kind, made.scope, made.key,
                [made](std::optional<EntityRow>& there) {
                    there = made;
                    return true;
                },
                done);
        });
        EXPECT_TRUE(stored.ok()) << stored.message();
        return stored.ok() ? *stored : std::nullopt;
    }
    std::optional<EntityRow> find(const std::string& scope, const std::string& key) {
        const auto found = ask_on<std::optional<EntityRow>>(
            [&](auto done) { store_->entity_by_key("thing", scope, key, done); });
        EXPECT_TRUE(found.ok()) << found.message();
        return found.ok() ? *found : std::nullopt;
    }
    std::string list(const EntityQuery& query, Page<EntityRow>* page = nullptr) {
        auto found =
            ask_on<Page<EntityRow>>([&](auto done) { store_->list_entities(query, done); });
        EXPECT_TRUE(found.ok()) << found.message();
        std::string ids;
        for (const EntityRow& one : found->rows) {
            ids += one.id;
        }
        if (page != nullptr) {
            *page = *std::move(found);
        }
        return ids;
    }
};

TEST_P(Entities, TwoAreChangedTogetherOrNeitherIs) {
    using Found = std::optional<EntityRow>;
    const auto change = [&](const EntityStore::PairChange& how) {
        return ask_on<Done>([&](auto done) {
            store_->change_pair({"thing", "p", "key-a"}, {"thing", "q", "key-b"}, how, done);
        });
    };
    EXPECT_TRUE(change([](Found& one, Found& other) {
                    EXPECT_FALSE(one || other);
                    one = row("a", "p", 1);
                    other = row("b", "q", 1);
                    return true;
                }).ok());
    EXPECT_TRUE(find("p", "key-a") && find("q", "key-b"));
    EXPECT_TRUE(change([](Found& one, Found& other) {
                    one->label = "changed";
                    other.reset();
                    return false;
                }).ok());
    EXPECT_EQ(find("p", "key-a")->label, "Label_a");
    EXPECT_TRUE(find("q", "key-b"));
    put(row("c", "p", 1));
    EXPECT_FALSE(change([](Found& one, Found& other) {
                     one->label = "changed";
                     other = row("d", "p", 1);
                     other->key = "key-c";  // taken
                     return true;
                 }).ok());
    EXPECT_EQ(find("p", "key-a")->label, "Label_a") << "both, or neither";
    EXPECT_TRUE(change([](Found& one, Found& other) {
                    one->label = "changed";
                    other.reset();
                    return true;
                }).ok());
    EXPECT_EQ(find("p", "key-a")->label, "changed");
    EXPECT_FALSE(find("q", "key-b"));
}

TEST_P(Entities, AreStoredFoundChangedAndDeleted) {
    put(row("a", "p", 1));
    ASSERT_TRUE(find("p", "key-a"));
    EXPECT_EQ(find("p", "key-a")->label, "Label_a");
    EXPECT_FALSE(find("q", "key-a"));
    const auto by_id =
        ask_on<std::optional<EntityRow>>([&](auto done) { store_->entity("thing", "a", done); });
    EXPECT_TRUE(by_id.ok() && by_id->has_value());
    const auto other_kind =
        ask_on<std::optional<EntityRow>>([&](auto done) { store_->entity("other", "a", done); });
    EXPECT_TRUE(other_kind.ok() && !other_kind->has_value());

    EntityRow renamed = *find("p", "key-a");
    renamed.key = "key-b";
    renamed.body = R"({"n":1})";
    const auto changed = ask_on<std::optional<EntityRow>>([&](auto done) {
        store_->change_entity(
            "thing", "p", "key-a",
            [renamed](std::optional<EntityRow>& there) {
                there = renamed;
                return true;
            },
            done);
    });
    EXPECT_TRUE(changed.ok()) << changed.message();
    EXPECT_FALSE(find("p", "key-a"));
    EXPECT_EQ(find("p", "key-b")->body, R"({"n":1})");

    const auto gone = ask_on<std::optional<EntityRow>>([&](auto done) {
        store_->change_entity(
            "thing", "p", "key-b",
            [](std::optional<EntityRow>& there) {
                there.reset();
                return true;
            },
            done);
    });
    EXPECT_TRUE(gone.ok() && !gone->has_value());
    EXPECT_FALSE(find("p", "key-b"));
    put(row("c", "p", 3));
    EXPECT_TRUE(ask_on<Done>([&](auto done) { store_->delete_entity("thing", "c", done); }).ok());
    EXPECT_FALSE(find("p", "key-c"));
}

TEST_P(Entities, ARefusedChangeLeavesThemAlone) {
    put(row("a", "p", 1));
    const auto kept = ask_on<std::optional<EntityRow>>([&](auto done) {
        store_->change_entity(
            "thing", "p", "key-a",
            [](std::optional<EntityRow>& there) {
                there.reset();
                return false;
            },
            done);
    });
    EXPECT_TRUE(kept.ok());
    EXPECT_TRUE(find("p", "key-a"));
}

TEST_P(Entities, AreListedByPages) {
    for (int i = 0; i < 5; ++i) {
        put(row(std::string(1, static_cast<char>('a' + i)), "p", i));
    }
    put(row("z", "q", 1));
    EntityQuery query;
    query.kind = "thing";
    query.scope = "p";
    query.limit = 2;
    Page<EntityRow> page;
    EXPECT_EQ(list(query, &page), "ed");
    query.cursor = page.next;
    EXPECT_EQ(list(query, &page), "cb");
    query.cursor = page.previous;
    EXPECT_EQ(list(query, &page), "ed");
    query.cursor.reset();
    query.oldest_first = true;
    EXPECT_EQ(list(query, &page), "ab");
    query.cursor = page.next;
    EXPECT_EQ(list(query, &page), "cd");
    query.cursor = page.previous;
    EXPECT_EQ(list(query, &page), "ab");
    query.cursor.reset();
    query.limit = 10;
    query.label = "LABEL_";
    EXPECT_EQ(list(query), "abcde");
    query.label = "%";
    EXPECT_EQ(list(query), "");
    query.label.clear();
    query.members = {{"colour", {"odd"}}};
    EXPECT_EQ(list(query), "bd");
    query.members = {{"colour", {"odd", "even"}}, {"none", {}}};
    EXPECT_EQ(list(query), "abcde");
    query.created_after_ms = 1;
    EXPECT_EQ(list(query), "bcde");
    query.created_before_ms = 3;
    EXPECT_EQ(list(query), "bcd");
}

// U+0000 is kept, harms no list, and is found where it is.
TEST_P(Entities, MayHoldEveryCharacter) {
    const std::vector<std::pair<std::string, std::string>> bodies = {
        {"a", R"({"colour":"r\u0000d","more":"x"})"},
        {"b", R"({"colour":"r\u0000\u0000d"})"},
        {"c", R"({"colour":"r\\u0000d"})"},          // a backslash, then u0000
        {"d", R"({"colour":"r\\\u0000d"})"},         // a backslash, then U+0000
        {"e", R"({"more":"\u0000","colour":"r"})"},  // elsewhere
        {"f", R"({"colour":"r\\a\\\\"})"},
    };
    for (const auto& [id, body] : bodies) {
        EntityRow made = row(id, "p", 1);
        made.body = body;
        put(made);
        EXPECT_EQ(find("p", "key-" + id)->body, body);
    }
    EntityQuery query;
    query.kind = "thing";
    query.scope = "p";
    query.oldest_first = true;
    const auto of_colour = [&](const std::string& colour) {
        query.members = {{"colour", {colour}}};
        return list(query);
    };
    using namespace std::string_literals;
    EXPECT_EQ(of_colour("r\0d"s), "a");
    EXPECT_EQ(of_colour("r\0\0d"s), "b");
    EXPECT_EQ(of_colour("r\\u0000d"), "c");
    EXPECT_EQ(of_colour("r\\\0d"s), "d");
    EXPECT_EQ(of_colour("r"), "e");
    EXPECT_EQ(of_colour("r\\a\\\\"), "f");
}

TEST_P(Entities, AreListedByLabelAndKey) {
    for (const char* label : {"b", "C", "a"}) {
        EntityRow made = row(label, "p", 1);
        made.label = label;
        put(made);
    }
    EntityQuery query;
    query.kind = "thing";
    query.scope = "p";
    query.by_label = query.oldest_first = true;
    query.limit = 2;
    Page<EntityRow> page;
    EXPECT_EQ(list(query, &page), "ab");
    EXPECT_FALSE(page.next || page.previous);
    query.oldest_first = false;
    query.limit = 10;
    EXPECT_EQ(list(query), "Cba");
    query.by_label = false;
    query.keys = {"key-C", "key-a", "key-x"};
    EXPECT_EQ(list(query), "aC");
}

TEST_P(Entities, AreCountedAsTheyAreListed) {
    for (const auto& [id, folder] : std::initializer_list<std::pair<const char*, const char*>>{
             {"a", "1"}, {"b", "2"}, {"c", "1"}, {"d", ""}}) {
        EntityRow made = row(id, "p", 1);
        made.body = std::string(R"({"folder":")") + folder + "\"}";
        ASSERT_TRUE(ask_on<std::optional<EntityRow>>([&](auto done) {
                        store_->change_entity(
                            made.kind, made.scope, made.key,
                            [made](std::optional<EntityRow>& stored) {
                                stored = made;
                                return true;
                            },
                            done);
                    }).ok());
    }
    const auto count = [this](const EntityQuery& query) {
        return *ask_on<std::int64_t>([&](auto done) { store_->count_listed(query, done); });
    };
    EntityQuery query;
    query.kind = row("a", "p", 1).kind;
    query.scope = "p";
    query.limit = 1;
    EXPECT_EQ(count(query), 4);
    query.members = {{"folder", {"1"}}};
    EXPECT_EQ(count(query), 2);
    query.members = {{"folder", {"2", ""}}};
    EXPECT_EQ(count(query), 2);
    query.members = {{"folder", {"none"}}};
    EXPECT_EQ(count(query), 0);
    query.members = {{"folder", {}}};
    EXPECT_EQ(count(query), 4) << "no text to compare with: all";
    query.scope = "other";
    EXPECT_EQ(count(query), 0);
    query.every_scope = true;
    query.keys = {"key-a", "key-x"};
    EXPECT_EQ(count(query), 1);
}

class Families : public Entities {
  protected:
    static EntityRow child(const std::string& id, std::int64_t at_ms = 1) {
        EntityRow made = row(id, "a", at_ms);
        made.kind = "child";
        return made;
    }
    std::int64_t count() {
        return *ask_on<std::int64_t>(
            [&](auto done) { store_->count_entities("child", "a", done); });
    }
    EntityStore::Added add(const std::vector<EntityRow>& rows, std::size_t most) {
        const auto added =
            ask_on<EntityStore::Added>([&](auto done) { store_->add_children(rows, most, done); });
        EXPECT_TRUE(added.ok()) << added.message();
        return added.ok() ? *added : EntityStore::Added::no_parent;
    }
    bool family(const EntityRow& parent, const std::vector<EntityRow>& children) {
        return *ask_on<bool>([&](auto done) { store_->add_family(parent, children, done); });
    }
};

TEST_P(Families, ComeAndGoWhole) {
    EXPECT_EQ(add({child("x")}, 10), EntityStore::Added::no_parent);
    EXPECT_TRUE(family(row("a", "p", 1), {child("x"), child("y")}));
    EXPECT_EQ(count(), 2);
    EntityRow twin = row("b", "p", 1);
    twin.key = "key-a";
    EXPECT_FALSE(family(twin, {child("z")}));
    EXPECT_EQ(count(), 2);
    EXPECT_EQ(add({child("z"), child("w")}, 3), EntityStore::Added::full);
    EntityRow same = child("v");
    same.key = "key-x";
    EXPECT_EQ(add({child("z"), same}, 9), EntityStore::Added::taken);
    EXPECT_EQ(count(), 2);
    EXPECT_EQ(add({child("z")}, 3), EntityStore::Added::all);
    EXPECT_EQ(count(), 3);
    const auto gone = ask_on<std::vector<EntityRow>>([&](auto done) {
        store_->take_children("child", "a", {"x", "none", "a"}, done);
    });
    ASSERT_TRUE(gone.ok()) << gone.message();
    ASSERT_EQ(gone->size(), 1U);
    EXPECT_EQ(gone->front().label, "Label_x");
    EXPECT_TRUE(ask_on<std::vector<EntityRow>>([&](auto done) {
                    store_->take_children("child", "a", {}, done);
                }).ok());
    EXPECT_EQ(*ask_on<std::int64_t>([&](auto done) { store_->clear_children("child", "a", done); }),
              2);
    EXPECT_EQ(count(), 0);
    EXPECT_EQ(add({child("z")}, 3), EntityStore::Added::all);
    EXPECT_TRUE(ask_on<Done>([&](auto done) {
                    store_->delete_family("thing", "a", {"child", "other"}, done);
                }).ok());
    EXPECT_EQ(count(), 0);
    EXPECT_FALSE(find("p", "key-a"));
    EXPECT_EQ(add({child("q")}, 3), EntityStore::Added::no_parent);
}

TEST_P(Families, OldOnesGoAFewAtATime) {
    EXPECT_TRUE(family(row("a", "p", 1), {child("x", 10), child("y", 20), child("z", 30)}));
    const auto remove = [this](std::int64_t before_ms, std::size_t limit) {
        return *ask_on<std::size_t>(
            [&](auto done) { store_->remove_old_entities("child", before_ms, limit, done); });
    };
    EXPECT_EQ(remove(10, 5), 0U);
    EXPECT_EQ(remove(30, 1), 1U);
    EXPECT_EQ(remove(30, 5), 1U);
    EXPECT_EQ(count(), 1);
    EXPECT_TRUE(find("p", "key-a"));
}

class VersionsAndFolders : public StoreTest {};

TEST_P(VersionsAndFolders, AreListedCountedAndLeft) {
    ASSERT_TRUE(ask_on<AccountStore::SignUp>([&](auto done) {
                    store_->sign_up(a_user("u", "ann@example.org"), a_project("p", "u"), true,
                                    done);
                }).ok());
    StoredFlow flow = a_flow("f", "p");
    flow.flow.folder_id = "folder";
    flow.flow.time_saved = "2.5";
    flow.version.notes = "[1]";
    ASSERT_TRUE(ask_on<Done>([&](auto done) { store_->create_flow(flow, done); }).ok());
    const std::string first = flow.version.id;
    const auto changed = ask_on<std::optional<StoredFlow>>([&](auto done) {
        store_->change_flow(
            "f",
            [](StoredFlow& stored) {
                stored.version.id = "newer";
                stored.version.created_ms += 1;
                stored.version.notes.clear();
                return true;
            },
            done);
    });
    ASSERT_TRUE(changed.ok()) << changed.message();
    EXPECT_EQ((*changed)->flow.time_saved, "2.5");
    const auto newest = ask_on<Page<VersionRow>>(
        [&](auto done) { store_->list_versions("f", std::nullopt, 1, done); });
    ASSERT_TRUE(newest.ok() && newest->next.has_value());
    EXPECT_EQ(newest->rows.at(0).id, "newer");
    EXPECT_EQ(newest->rows.at(0).notes, "");
    const auto older = ask_on<Page<VersionRow>>(
        [&](auto done) { store_->list_versions("f", newest->next, 1, done); });
    ASSERT_TRUE(older.ok());
    EXPECT_EQ(older->rows.at(0).id, first);
    EXPECT_EQ(older->rows.at(0).notes, "[1]");

    const auto count = [this](const std::string& folder) {
        return *ask_on<std::int64_t>([&](auto done) { store_->count_flows("p", folder, done); });
    };
    EXPECT_EQ(count("folder"), 1);
    EXPECT_EQ(count("other"), 0);
    EXPECT_EQ(count("NULL"), 0) << "it is in a folder";
    FlowQuery query;
    query.project_id = "p";
    query.folder_ids = {"folder"};
    EXPECT_EQ(
        ask_on<Page<StoredFlow>>([&](auto done) { store_->list_flows(query, done); })->rows.size(),
        1U);
    EXPECT_TRUE(ask_on<Done>([&](auto done) { store_->leave_folder("p", "folder", done); }).ok());
    EXPECT_EQ(count("folder"), 0);
    EXPECT_EQ(count(""), 1);
}

INSTANTIATE_TEST_SUITE_P(Sqlite, Entities, ::testing::Values(StoreKind::sqlite));
INSTANTIATE_TEST_SUITE_P(Postgres, Entities, ::testing::Values(StoreKind::postgres));
INSTANTIATE_TEST_SUITE_P(Sqlite, Families, ::testing::Values(StoreKind::sqlite));
INSTANTIATE_TEST_SUITE_P(Postgres, Families, ::testing::Values(StoreKind::postgres));
INSTANTIATE_TEST_SUITE_P(Sqlite, VersionsAndFolders, ::testing::Values(StoreKind::sqlite));
INSTANTIATE_TEST_SUITE_P(Postgres, VersionsAndFolders, ::testing::Values(StoreKind::postgres));

}  // namespace
}  // namespace sallyport::test
