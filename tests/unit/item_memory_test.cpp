// What triggers that fetch lists find new, and what they remember.
#include "engine/core/item_memory.hpp"

#include "engine/core/trigger_schedule.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>

namespace sallyport::engine {
namespace {

Json parse(std::string_view text) {
    const Result<Json> json = Json::parse(text);
    EXPECT_TRUE(json.ok()) << text;
    return json.ok() ? *json : Json();
}

ListSettings settings_of(std::string_view input) {
    const Result<ListSettings> settings = list_settings(parse(input));
    EXPECT_TRUE(settings.ok()) << settings.message();
    return settings.ok() ? *settings : ListSettings{};
}

// One trigger over several looks.
class Looks {
  public:
    explicit Looks(std::string_view input) : settings_(settings_of(input)) {}

    // The new items as JSON, one after the other.
    std::string look(std::string_view list) { return look(parse(list)); }
    std::string look(const Json& list) {
        const Result<ItemRound> round = look_at_items(settings_, memory_, list);
        if (!round.ok()) {
            return round.message();
        }
        std::string all;
        for (const NewItem& one : round->items) {
            all += one.item.dump() + " ";
            EXPECT_TRUE(deliveries_.insert(one.delivery_id).second) << "given twice";
        }
        EXPECT_EQ(round->changed, !memory_.exists() || !round->items.empty() || switched_);
        switched_ = false;
        if (round->changed) {
            memory_ = parse(round->memory.dump());
        }
        count_ = round->items.size();
        return all;
    }
    void use(std::string_view input) {
        settings_ = settings_of(input);
        switched_ = true;
    }
    std::size_t remembered() const { return memory_["seen"].size(); }
    std::size_t count() const { return count_; }
    const Json& memory() const { return memory_; }

  private:
    ListSettings settings_;
    Json memory_;
    std::set<std::string> deliveries_;
    std::size_t count_ = 0;
    bool switched_ = false;
};

TEST(ItemMemory, ByIdGivesWhatWasNotThere) {
    Looks looks(R"({"idPath":"meta.id"})");
    EXPECT_EQ(looks.look(R"([{"meta":{"id":1}},{"meta":{"id":"b"}}])"), "") << "the first";
    EXPECT_EQ(looks.look(R"([{"meta":{"id":1}},{"meta":{"id":"b"}}])"), "");
    EXPECT_EQ(looks.look(R"([{"meta":{"id":3}},{"meta":{"id":1}},{"meta":{"id":4}}])"),
              R"({"meta":{"id":3}} {"meta":{"id":4}} )");
    EXPECT_EQ(looks.look(R"([{"meta":{"id":"b"},"changed":true},{"meta":{"id":3}}])"), "")
        << "one that was gone is no news";
    EXPECT_EQ(looks.look(R"([{"meta":{"id":9}},{"meta":{"id":9},"twin":1}])"),
              R"({"meta":{"id":9}} )");
    EXPECT_EQ(looks.look("[]"), "");
    EXPECT_EQ(looks.look(R"([{"meta":{}}])"), "item 0 of the list has no id at 'meta.id'");
    EXPECT_EQ(looks.memory().dump().find("changed"), std::string::npos) << "digests alone";
}

TEST(ItemMemory, AnEmptyFirstListMakesAllLaterOnesNew) {
    Looks by_id("{}");
    EXPECT_EQ(by_id.look("[]"), "");
    EXPECT_EQ(by_id.look(R"(["a",{"b":1}])"), R"("a" {"b":1} )") << "items are their own ids";
    Looks by_time(R"({"deduplication":"TIME","timePath":"t"})");
    EXPECT_EQ(by_time.look("[]"), "");
    EXPECT_EQ(by_time.look(R"([{"t":5}])"), R"({"t":5} )");
}

TEST(ItemMemory, ByTimeGivesWhatIsNewerInItsOrder) {
    Looks looks(R"({"deduplication":"TIME","timePath":"at","idPath":"id"})");
    EXPECT_EQ(looks.look(R"([{"id":1,"at":"2026-01-01T00:00:00Z"},
                             {"id":2,"at":"2026-01-02T00:00:00Z"}])"),
              "");
    EXPECT_EQ(looks.look(R"([{"id":3,"at":"2026-01-01T12:00:00Z"}])"), "") << "older than the last";
    EXPECT_EQ(looks.look(R"([{"id":5,"at":"2026-01-04T00:00:00Z"},
                             {"id":4,"at":"2026-01-03T00:00:00+01:00"},
                             {"id":6,"at":"2026-01-02T00:00:00Z"},
                             {"id":2,"at":"2026-01-02T00:00:00Z"}])"),
              R"({"id":6,"at":"2026-01-02T00:00:00Z"} {"id":4,"at":"2026-01-03T00:00:00+01:00"} )"
              R"({"id":5,"at":"2026-01-04T00:00:00Z"} )")
        << "one of the newest time that came late is new, the one that was seen is not";
    EXPECT_EQ(looks.look(R"([{"id":5,"at":"2026-01-04T00:00:00Z"}])"), "");
    EXPECT_EQ(looks.look(R"([{"id":5,"at":1767571200}])"), R"({"id":5,"at":1767571200} )")
        << "changed later: seconds";
    EXPECT_EQ(looks.look(R"([{"id":5,"at":1767571200001}])"), R"({"id":5,"at":1767571200001} )");
    EXPECT_EQ(looks.look(R"([{"id":7,"at":"yesterday"}])"),
              "item 0 of the list has no time at 'at'");
    EXPECT_EQ(looks.look(R"([{"id":7,"at":-1}])"), "item 0 of the list has no time at 'at'");
    EXPECT_EQ(looks.look(R"([{"id":7,"at":1e300}])"), "item 0 of the list has no time at 'at'");
}

TEST(ItemMemory, AnotherSourceBeginsAgain) {
    Looks looks(R"({"url":"http://a/","idPath":"id"})");
    EXPECT_EQ(looks.look(R"([{"id":1}])"), "");
    looks.use(R"({"url":"http://b/","idPath":"id"})");
    EXPECT_EQ(looks.look(R"([{"id":2}])"), "");
    EXPECT_EQ(looks.look(R"([{"id":2},{"id":3}])"), R"({"id":3} )");
    looks.use(R"({"url":"http://b/","deduplication":"TIME","timePath":"id"})");
    EXPECT_EQ(looks.look(R"([{"id":9}])"), "");
    // A new token and other times are no other source.
    const auto source = [](std::string_view more) {
        return settings_of(R"({"url":"http://a/",)" + std::string(more) + "}").source;
    };
    EXPECT_EQ(source(R"("authFields":{"token":"a"},"minutes":1)"),
              source(R"("authFields":{"token":"b"},"minutes":2)"));
    EXPECT_NE(source(R"("idPath":"a")"), source(R"("idPath":"b")"));
}

Json numbered(std::size_t from, std::size_t count) {
    Json list = Json::array();
    for (std::size_t i = 0; i < count; ++i) {
        list.append(Json::object({{"id", Json::integer(static_cast<std::int64_t>(from + i))},
                                  {"t", Json::integer(static_cast<std::int64_t>(from))}}));
    }
    return list;
}

TEST(ItemMemory, IsBounded) {
    Looks looks(R"({"idPath":"id"})");
    looks.look(numbered(0, kListItemsMax));
    // Every look brings another list: its items are given in parts, each once, and none is lost.
    for (std::size_t from = kListItemsMax; from < 5 * kListItemsMax; from += kListItemsMax) {
        std::size_t given = 0;
        while (looks.look(numbered(from, kListItemsMax)), looks.count() > 0) {
            EXPECT_LE(looks.count(), kNewItemsMax);
            given += looks.count();
        }
        EXPECT_EQ(given, kListItemsMax);
        EXPECT_LE(looks.remembered(), kItemsRememberedMax);
    }
    EXPECT_LT(looks.memory().dump().size(), 300'000U);
    Looks by_time(R"({"deduplication":"TIME","timePath":"t","idPath":"id"})");
    by_time.look(numbered(1, 3));
    for (std::size_t i = 0; i < 5; ++i) {
        by_time.look(numbered(10, kListItemsMax));
        EXPECT_EQ(by_time.count(), kNewItemsMax);
    }
    by_time.look(numbered(10, kListItemsMax));
    EXPECT_EQ(by_time.count(), 0U);
    EXPECT_LE(by_time.remembered(), kItemsRememberedMax);
}

TEST(ItemMemory, ListsAreFoundByTheirPath) {
    const auto find = [](std::string_view path, std::string_view answer) {
        const auto list =
            find_list(settings_of(R"({"listPath":")" + std::string(path) + "\"}"), parse(answer));
        return list.ok() ? list->dump() : list.message();
    };
    EXPECT_EQ(find("", "[1]"), "[1]");
    EXPECT_EQ(find("data.items", R"({"data":{"items":[2]}})"), "[2]");
    EXPECT_EQ(find("1.x", R"([0,{"x":[3]}])"), "[3]");
    EXPECT_EQ(find("data", R"({"data":{}})"), "there is no list at 'data' of the answer");
    EXPECT_EQ(find("7.x", "[0]"), "there is no list at '7.x' of the answer");
    EXPECT_EQ(find("", R"({"a":[]})"),
              "the answer is no list; listPath says where in it the list is");
    EXPECT_EQ(find_list({}, numbered(0, kListItemsMax + 1)).message(),
              "the list has more than 5000 items; ask for the newest only");
}

TEST(TriggerSchedule, KnowsWhatTheClockStarts) {
    const auto cron = [](std::string_view settings) {
        const auto schedule = trigger_schedule(parse(settings), 7);
        return !schedule.ok()           ? schedule.message()
               : !schedule->has_value() ? std::string("none")
                                        : (*schedule)->cron + " " + (*schedule)->timezone;
    };
    const auto items = [&cron](std::string_view input) {
        return cron(
            R"({"pieceName":"@activepieces/piece-http","triggerName":"new_items","input":)" +
            std::string(input) + "}");
    };
    EXPECT_EQ(items("{}"), "*/7 * * * * UTC");
    EXPECT_EQ(items(R"({"minutes":"3"})"), "*/3 * * * * UTC");
    EXPECT_NE(items(R"({"minutes":60})").find("minutes"), std::string::npos);
    EXPECT_NE(items(R"({"minutes":0})").find("minutes"), std::string::npos);
    EXPECT_EQ(items(R"({"cronExpression":"0 8 * * *","timezone":"Europe/Berlin"})"),
              "0 8 * * * Europe/Berlin");
    EXPECT_NE(items(R"({"deduplication":"TIME"})").find("timePath"), std::string::npos);
    EXPECT_NE(items(R"({"deduplication":"LUCK"})").find("deduplication"), std::string::npos);
    EXPECT_EQ(cron(R"({"pieceName":"@activepieces/piece-webhook","triggerName":"catch_webhook"})"),
              "none");
    EXPECT_EQ(cron(R"({"pieceName":"@activepieces/piece-queue","triggerName":"process-jobs",
                       "input":{"queueName":"q"}})"),
              "* * * * * * UTC");
}

// Lists that come from the newest key on, oldest first.
class OrderedLooks {
  public:
    std::string look(std::string_view list, const std::string& source = "s") {
        const Result<ItemRound> round = look_at_ordered(source, memory_, parse(list));
        if (!round.ok()) {
            return round.message();
        }
        std::string all;
        for (const NewItem& one : round->items) {
            all += one.item.dump() + " ";
            EXPECT_TRUE(deliveries_.insert(one.delivery_id).second) << "given twice";
        }
        if (round->changed) {
            memory_ = parse(round->memory.dump());
        }
        return all;
    }
    std::string newest() const { return std::string(memory_["newest"].text()); }

  private:
    Json memory_ = Json::object();
    std::set<std::string> deliveries_;
};

std::string keyed(std::string_view item, std::string_view key) {
    Json whole = parse(item);
    whole.set(kItemKey, Json::string(key));
    return whole.dump();
}

TEST(ItemMemory, OrderedItemsAreNewByTheirKeyAndDigest) {
    OrderedLooks looks;
    EXPECT_EQ(looks.look("[" + keyed(R"({"a":1})", "k1") + "]"), "");
    EXPECT_EQ(looks.newest(), "k1");
    EXPECT_EQ(looks.look("[" + keyed(R"({"a":1})", "k1") + "]"), "");
    EXPECT_EQ(looks.look("[" + keyed(R"({"a":1})", "k1") + "," + keyed(R"({"a":2})", "k1") + "]"),
              R"({"a":2} )");
    EXPECT_EQ(looks.look("[" + keyed(R"({"a":2})", "k1") + "," + keyed(R"({"a":2})", "k2") + "," +
                         keyed(R"({"a":3})", "k2") + "]"),
              R"({"a":2} {"a":3} )");
    EXPECT_EQ(looks.newest(), "k2");
    EXPECT_EQ(looks.look("[]"), "") << "what left the list is no news";
    EXPECT_EQ(looks.newest(), "k2");
    EXPECT_EQ(looks.look("[" + keyed(R"({"a":9})", "k9") + "]", "another list"), "");
    EXPECT_EQ(looks.newest(), "k9");
}

TEST(ItemMemory, AnEmptyTablesFirstRowIsNew) {
    OrderedLooks looks;
    EXPECT_EQ(looks.look("[]"), "");
    EXPECT_EQ(looks.look("[" + keyed(R"({"a":1})", "") + "]"), R"({"a":1} )");
    EXPECT_EQ(looks.look("[" + keyed(R"({"a":1})", "") + "]"), "");
}

TEST(ItemMemory, TooManyOfOneKeyAreAnError) {
    std::string list;
    for (std::size_t i = 0; i < kNewItemsMax; ++i) {
        list += (i == 0 ? "" : ",") + keyed("{\"i\":" + std::to_string(i) + "}", "k");
    }
    OrderedLooks looks;
    EXPECT_NE(looks.look("[" + list + "]").find("shared by 1000 rows"), std::string::npos);
    EXPECT_EQ(looks.look("[]"), "");
    EXPECT_NE(looks.look("[" + list + "]"), "");
    EXPECT_NE(looks.look("[" + list + "]").find("shared by 1000 rows"), std::string::npos);
}

}  // namespace
}  // namespace sallyport::engine
