#include "module/store/redis_slot.hpp"

#include "module/store/redis_topology.hpp"

#include <gtest/gtest.h>

namespace sallyport::store {
namespace {

// Values of CLUSTER KEYSLOT on a real server.
TEST(KeySlot, IsWhatRedisSays) {
    const std::pair<const char*, unsigned> cases[] = {
        {"123456789", 0x31c3},
        {"", 0},
        {"foo", 12182},
        {"bar", 5061},
        {"{foo}.x", 12182},
        {"x{foo}y{bar}", 12182},
        {"foo{}{bar}", 8363},
        {"foo{{bar}}zap", 4015},
        {"sallyport:{foo}:1", 12182},
    };
    for (const auto& [key, slot] : cases) {
        EXPECT_EQ(key_slot(key), slot) << key;
    }
}

TEST(Redirect, IsReadOrRefused) {
    const auto moved = parse_redirect("MOVED 3999 127.0.0.1:6381");
    ASSERT_TRUE(moved);
    EXPECT_FALSE(moved->ask);
    EXPECT_EQ(moved->slot, 3999);
    EXPECT_EQ(moved->host, "127.0.0.1");
    EXPECT_EQ(moved->port, 6381);
    const auto ask = parse_redirect("ASK 1 ::1:7000");
    ASSERT_TRUE(ask);
    EXPECT_TRUE(ask->ask);
    EXPECT_EQ(ask->host, "::1");
    EXPECT_EQ(parse_redirect("MOVED 3999 :6381")->host, "");
    for (const char* wrong : {"MOVED", "MOVED 1", "MOVED 16384 h:1", "MOVED x h:1", "MOVED 1 h:0",
                              "MOVED 1 h:70000", "MOVED 1 h", "ERR 1 h:1", "ASK -1 h:1", ""}) {
        EXPECT_FALSE(parse_redirect(wrong)) << wrong;
    }
}

struct Parsed {
    RespReader reader;
    const Reply& operator()(const char* bytes) {
        EXPECT_TRUE(reader.feed(bytes));
        EXPECT_EQ(reader.next(), ReadResult::reply) << bytes;
        return reader.reply();
    }
};

TEST(Topology, SentinelsNameTheMaster) {
    Parsed parsed;
    const auto master = parse_sentinel_master(parsed("*2\r\n$8\r\n10.0.0.1\r\n$4\r\n6380\r\n"));
    ASSERT_TRUE(master);
    EXPECT_EQ(*master, (RedisEndpoint{"10.0.0.1", 6380}));
    for (const char* wrong :
         {"*-1\r\n", "$-1\r\n", "*1\r\n$1\r\na\r\n", "*2\r\n$1\r\na\r\n$1\r\nb\r\n",
          "*2\r\n$0\r\n\r\n$1\r\n1\r\n", "*2\r\n$1\r\na\r\n$1\r\n0\r\n", "-ERR x\r\n",
          "*2\r\n$1\r\na\r\n:1\r\n"}) {
        EXPECT_FALSE(parse_sentinel_master(parsed(wrong))) << wrong;
    }
}

TEST(Topology, ReadsSlotMapsOfEveryAge) {
    Parsed parsed;
    // With ids, replicas and metadata, as Redis 7 has them; an unknown host is empty or nil.
    const auto map =
        parse_cluster_slots(parsed("*2\r\n"
                                   "*4\r\n:0\r\n:5460\r\n*4\r\n$9\r\n127.0.0.1\r\n:7000\r\n$"
                                   "2\r\nid\r\n*2\r\n$1\r\nh\r\n$1\r\nx\r\n"
                                   "*3\r\n$9\r\n127.0.0.1\r\n:7003\r\n$2\r\nid\r\n"
                                   "*3\r\n:5461\r\n:16383\r\n*2\r\n$-1\r\n:7001\r\n"));
    ASSERT_TRUE(map);
    ASSERT_EQ(map->size(), 2u);
    EXPECT_EQ(map->at(0).first, 0);
    EXPECT_EQ(map->at(0).last, 5460);
    EXPECT_EQ(map->at(0).master, (RedisEndpoint{"127.0.0.1", 7000}));
    EXPECT_EQ(map->at(1).last, 16383);
    EXPECT_EQ(map->at(1).master, (RedisEndpoint{"", 7001}));
    for (const char* wrong :
         {"*1\r\n*2\r\n:0\r\n:1\r\n", "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\na\r\n:1\r\n",
          "*1\r\n*3\r\n:5\r\n:1\r\n*2\r\n$1\r\na\r\n:1\r\n", "*1\r\n*3\r\n:0\r\n:1\r\n$1\r\na\r\n",
          "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\na\r\n:0\r\n", "*2\r\n$1\r\na\r\n$1\r\nb\r\n",
          "+OK\r\n", "*2\r\n:1\r\n:2\r\n"}) {
        EXPECT_FALSE(parse_cluster_slots(parsed(wrong))) << wrong;
    }
}

TEST(Topology, KnowsARole) {
    Parsed parsed;
    EXPECT_EQ(parse_role(parsed("*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n")), "master");
    EXPECT_EQ(parse_role(parsed("*5\r\n$5\r\nslave\r\n$1\r\nh\r\n:1\r\n$1\r\nc\r\n:0\r\n")),
              "slave");
    EXPECT_EQ(parse_role(parsed("+PONG\r\n")), "");
}

}  // namespace
}  // namespace sallyport::store
