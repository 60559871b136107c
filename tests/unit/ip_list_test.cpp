#include "module/policy/ip_list.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>

namespace sallyport::policy {
namespace {

std::vector<Cidr> blocks(std::initializer_list<const char*> texts) {
    std::vector<Cidr> out;
    for (const char* text : texts) {
        out.push_back(*Cidr::parse(text));
    }
    return out;
}

IpAddress address(std::string_view text) {
    return *IpAddress::parse(text);
}

TEST(IpSet, HoldsWhatItsBlocksHold) {
    const IpSet set(
        blocks({"10.0.0.0/8", "10.1.0.0/16", "192.0.2.7", "192.0.2.8", "255.255.255.255",
                "0.0.0.0/32", "2001:db8::/32", "2001:db8:1::/48", "::1", "fe80::/10"}));
    for (const char* in :
         {"10.0.0.0", "10.255.255.255", "10.1.2.3", "192.0.2.7", "192.0.2.8", "255.255.255.255",
          "0.0.0.0", "2001:db8::", "2001:db8:ffff::1", "::1", "febf::1", "::ffff:10.9.9.9"}) {
        EXPECT_TRUE(set.contains(address(in))) << in;
    }
    for (const char* out :
         {"9.255.255.255", "11.0.0.0", "192.0.2.6", "192.0.2.9", "255.255.255.254", "0.0.0.1",
          "2001:db7:ffff::", "2001:db9::", "::", "::2", "fec0::", "ffff::10.0.0.1"}) {
        EXPECT_FALSE(set.contains(address(out))) << out;
    }
    EXPECT_TRUE(IpSet().empty());
    EXPECT_FALSE(IpSet().contains(address("127.0.0.1")));
}

TEST(IpSet, MergesNeighboursAndOverlaps) {
    EXPECT_EQ(IpSet(blocks({"10.0.0.0/9", "10.128.0.0/9", "10.1.0.0/16"})).range_count(), 1u);
    EXPECT_EQ(IpSet(blocks({"255.255.255.0/24", "255.255.255.255"})).range_count(), 1u);
    EXPECT_EQ(IpSet(blocks({"2001:db8::/32", "2001:db8::/48"})).range_count(), 1u);
}

TEST(IpSet, WideV6BlockHoldsMappedIpv4) {
    const IpSet set(blocks({"::/1"}));
    EXPECT_TRUE(set.contains(address("203.0.113.9")));
    EXPECT_FALSE(set.contains(address("8000::")));
}

// The indexed form against the definition, at and around every edge.
TEST(IpSet, LargeSetsAgreeWithTheDefinition) {
    std::mt19937 random(20260101);  // a fixed seed: the same sets in every run
    std::vector<Cidr> v4;
    std::vector<Cidr> v6;
    for (int i = 0; i < 4000; ++i) {
        const auto bytes = static_cast<std::uint32_t>(random());
        const std::uint8_t quad[4] = {
            static_cast<std::uint8_t>(bytes >> 24), static_cast<std::uint8_t>(bytes >> 16),
            static_cast<std::uint8_t>(bytes >> 8), static_cast<std::uint8_t>(bytes)};
        const auto bits = static_cast<std::uint8_t>(96 + 12 + random() % 21);
        v4.push_back({IpAddress::from_v4(quad).masked(bits), bits});
        std::uint8_t wide[16] = {0x20, 0x01};
        for (int b = 2; b < 16; ++b) {
            wide[b] = static_cast<std::uint8_t>(random());
        }
        const auto wide_bits = static_cast<std::uint8_t>(24 + random() % 105);
        v6.push_back({IpAddress::from_v6(wide).masked(wide_bits), wide_bits});
    }
    for (const auto& list : {v4, v6}) {
        const IpSet set(list);
        const auto by_definition = [&](const IpAddress& a) {
            return std::any_of(list.begin(), list.end(),
                               [&](const Cidr& c) { return c.contains(a); });
        };
        for (std::size_t i = 0; i < list.size(); i += 7) {
            const IpAddress last = list[i].last();
            std::array<std::uint8_t, 16> next = last.bytes();
            for (std::size_t b = 16; b-- > 0 && ++next[b] == 0;) {
            }
            std::uint8_t raw[16];
            std::copy(next.begin(), next.end(), raw);
            for (const auto& probe : {list[i].base, last, IpAddress::from_v6(raw)}) {
                ASSERT_EQ(set.contains(probe), by_definition(probe)) << probe.to_string();
            }
        }
    }
}

TEST(IpSet, AMillionBlocksStayUnder64MiB) {
    std::vector<Cidr> list;
    list.reserve(1'000'000);
    for (std::uint32_t i = 0; i < 500'000; ++i) {
        const std::uint8_t quad[4] = {static_cast<std::uint8_t>(i >> 15),
                                      static_cast<std::uint8_t>(i >> 7),
                                      static_cast<std::uint8_t>(i << 1), 0};
        list.push_back({IpAddress::from_v4(quad), 120});
        const std::uint8_t wide[16] = {0x20,
                                       0x01,
                                       static_cast<std::uint8_t>(i >> 15),
                                       static_cast<std::uint8_t>(i >> 7),
                                       static_cast<std::uint8_t>(i << 1),
                                       0};
        list.push_back({IpAddress::from_v6(wide), 48});
    }
    const IpSet set(list);
    EXPECT_EQ(set.range_count(), 1'000'000u);
    EXPECT_LT(set.memory_bytes(), std::size_t{64} << 20);
    EXPECT_TRUE(set.contains(address("0.0.2.9")));
    EXPECT_FALSE(set.contains(address("0.0.3.9")));
}

TEST(IpListFile, ReadsBlocksCommentsAndLineEnds) {
    const auto parsed = parse_ip_list(
        "\xef\xbb\xbf# office\n10.0.0.0/8 # all of it\r\n\n  ; x\n\t2001:db8::/32\n1.2.3.4", "f");
    ASSERT_TRUE(parsed.ok()) << parsed.message();
    EXPECT_EQ(*parsed, blocks({"10.0.0.0/8", "2001:db8::/32", "1.2.3.4"}));
    EXPECT_TRUE(parse_ip_list("", "f")->empty());
}

TEST(IpListFile, NamesFileAndLine) {
    const struct {
        const char* text;
        const char* message;
    } cases[] = {
        {"10.0.0.0/8\nnonsense\n", "lists/office.txt:2: \"nonsense\" is not an IP address"},
        {"\n\n10.0.0.1/8",
         "lists/office.txt:3: \"10.0.0.1/8\" has bits set after its prefix; write 10.0.0.0/8"},
        {"0.0.0.0/0", "lists/office.txt:1: \"0.0.0.0/0\" covers every address"},
        {"::/0", "lists/office.txt:1: \"::/0\" covers every address"},
        {"10.0.0.0/8 11.0.0.0/8", "lists/office.txt:1: "},
        {"1.2.3.4/33", "lists/office.txt:1: "},
    };
    for (const auto& c : cases) {
        const auto parsed = parse_ip_list(c.text, "lists/office.txt");
        ASSERT_FALSE(parsed.ok()) << c.text;
        EXPECT_EQ(parsed.message().find(c.message), 0u) << parsed.message();
    }
}

TEST(IpListName, IsAWord) {
    for (const char* good : {"office", "a", "feed_2"}) {
        EXPECT_TRUE(is_ip_list_name(good)) << good;
    }
    for (const char* wrong :
         {"", "all", "off", "unix", "1a", "Office", "a-b", "a.b", "_a", "a b"}) {
        EXPECT_FALSE(is_ip_list_name(wrong)) << wrong;
    }
}

// Rules as an operator writes them: "+x" allows, "-x" denies; x is a block, `all` or `unix:`.
IpRules rules(std::initializer_list<std::string_view> words, const IpList* list = nullptr) {
    IpRules out;
    for (const std::string_view text : words) {
        IpRules::Side& side = text.front() == '+' ? out.allow : out.deny;
        const std::string_view what = text.substr(1);
        if (what == "all") {
            side.all = true;
        } else if (what == "unix:") {
            side.unix_clients = true;
        } else if (what == "list") {
            side.lists.push_back(list);
        } else {
            side.blocks.push_back(*Cidr::parse(what));
        }
    }
    return out;
}

// A list that decides and was not loaded yet lets nobody through, unless another entry has decided.
TEST(IpGate, AListThatWasNotLoadedIsAwaited) {
    const std::size_t bytes = IpSetSlots::memory_bytes(16 * IpSetSlots::kControlBytes);
    const std::unique_ptr<void, void (*)(void*)> memory(std::aligned_alloc(4096, bytes), std::free);
    std::memset(memory.get(), 0, bytes);
    IpSetSlots slots({static_cast<std::byte*>(memory.get()), bytes});
    IpList list;
    list.name = "far";
    list.live = &slots;
    list.refuse_unloaded = true;
    const IpAddress client = *IpAddress::parse("10.0.0.1");
    const IpAddress other = *IpAddress::parse("11.0.0.1");
    IpRules deny;
    deny.deny.lists = {&list};
    deny.deny.blocks = blocks({"11.0.0.0/8"});
    IpRules allow;
    allow.allow.lists = {&list};
    allow.allow.blocks = blocks({"11.0.0.0/8"});
    const IpGate denies(deny);
    const IpGate allows(allow);
    EXPECT_TRUE(denies.may_await());
    EXPECT_EQ(denies.decide(&client).decision.reason, Reason::ip_list_not_loaded);
    EXPECT_FALSE(denies.lets_pass(&client));
    EXPECT_EQ(denies.decide(&client).decision.status, 503);
    EXPECT_EQ(denies.decide(&client).rule, "far");
    EXPECT_EQ(denies.decide(&other).decision.reason, Reason::ip_denied);
    EXPECT_FALSE(denies.lets_pass(&other));
    EXPECT_EQ(allows.decide(&client).decision.reason, Reason::ip_list_not_loaded);
    EXPECT_EQ(allows.decide(&other).decision.verdict, Verdict::allow);
    EXPECT_EQ(denies.decide(nullptr).decision.verdict, Verdict::allow);
    list.refuse_unloaded = false;
    EXPECT_EQ(denies.decide(&client).decision.verdict, Verdict::allow);
    list.refuse_unloaded = true;
    slots.publish(IpSetImage(blocks({"10.0.0.0/8"})), 1);
    EXPECT_EQ(denies.decide(&client).decision.reason, Reason::ip_denied);
    EXPECT_EQ(allows.decide(&client).decision.verdict, Verdict::allow);
}

TEST(IpGate, JudgesInTheDocumentedOrder) {
    const IpList list{"office", IpSet(blocks({"10.0.0.0/8"}))};
    const struct {
        std::initializer_list<std::string_view> words;
        const char* client;  // null: a unix socket
        Reason reason;
        std::string_view rule;
    } cases[] = {
        {{}, "1.2.3.4", Reason::none, ""},
        {{"-1.2.3.4"}, "1.2.3.4", Reason::ip_denied, "sallyport_deny"},
        {{"-1.2.3.4"}, "1.2.3.5", Reason::none, ""},
        {{"-list"}, "10.0.0.1", Reason::ip_denied, "office"},
        {{"+list"}, "10.0.0.1", Reason::none, ""},
        {{"+list"}, "11.0.0.1", Reason::ip_not_allowed, "sallyport_allow"},
        {{"+list", "-10.0.0.1"}, "10.0.0.1", Reason::ip_denied, "sallyport_deny"},
        {{"-10.0.0.1", "+list"}, "10.0.0.2", Reason::none, ""},
        {{"+list", "-all"}, "10.0.0.1", Reason::none, ""},
        {{"+list", "-all"}, "11.0.0.1", Reason::ip_not_allowed, "sallyport_allow"},
        {{"-all"}, "10.0.0.1", Reason::ip_denied, "sallyport_deny"},
        {{"-list", "+all"}, "10.0.0.1", Reason::ip_denied, "office"},
        {{"-list", "+all"}, "11.0.0.1", Reason::none, ""},
        {{"+list"}, nullptr, Reason::ip_not_allowed, "sallyport_allow"},
        {{"+list", "+unix:"}, nullptr, Reason::none, ""},
        {{"-unix:"}, nullptr, Reason::ip_denied, "sallyport_deny"},
        {{"-list"}, nullptr, Reason::none, ""},
        {{"+::1"}, "::1", Reason::none, ""},
        {{"+::1"}, "127.0.0.1", Reason::ip_not_allowed, "sallyport_allow"},
    };
    int row = 0;
    int short_cuts = 0;
    for (const auto& c : cases) {
        ++row;
        const IpGate gate(rules(c.words, &list));
        const IpAddress client = c.client == nullptr ? IpAddress() : address(c.client);
        const auto outcome = gate.decide(c.client == nullptr ? nullptr : &client);
        EXPECT_EQ(outcome.decision.reason, c.reason) << "row " << row;
        // The short cut agrees with the whole decision.
        if (gate.lets_pass(c.client == nullptr ? nullptr : &client)) {
            EXPECT_EQ(c.reason, Reason::none) << "row " << row;
            ++short_cuts;
        }
        EXPECT_EQ(outcome.decision.status, c.reason == Reason::none ? 0 : 403) << "row " << row;
        if (c.reason != Reason::none) {
            EXPECT_EQ(outcome.rule, c.rule) << "row " << row;
        }
    }
    EXPECT_GT(short_cuts, 0);
}

TEST(IpRules, InnerLevelsAddDenialsAndDecideWhoIsAllowed) {
    const struct {
        std::initializer_list<std::string_view> outer;
        std::initializer_list<std::string_view> inner;
        const char* client;
        bool passes;
    } cases[] = {
        {{"-1.1.1.1"}, {"-2.2.2.2"}, "1.1.1.1", false},
        {{"-1.1.1.1"}, {"+all"}, "1.1.1.1", false},
        {{"+1.1.1.1"}, {"+2.2.2.2"}, "1.1.1.1", false},
        {{"+1.1.1.1"}, {"+2.2.2.2"}, "2.2.2.2", true},
        {{"+1.1.1.1"}, {"-2.2.2.2"}, "3.3.3.3", false},
        {{"+1.1.1.1"}, {"-2.2.2.2"}, "1.1.1.1", true},
        {{"+1.1.1.1"}, {"+all"}, "3.3.3.3", true},
        {{"+1.1.1.1"}, {"-all"}, "1.1.1.1", false},
        {{"-all"}, {"+1.1.1.1"}, "1.1.1.1", true},
        {{"-all"}, {"+all"}, "9.9.9.9", true},
        {{"-all"}, {"-1.1.1.1"}, "9.9.9.9", false},
        {{"+1.1.1.1"}, {}, "1.1.1.1", true},
        {{"+1.1.1.1"}, {}, "2.2.2.2", false},
    };
    int row = 0;
    for (const auto& c : cases) {
        ++row;
        const IpGate gate(nest(rules(c.outer), rules(c.inner)));
        const IpAddress client = address(c.client);
        EXPECT_EQ(gate.decide(&client).decision.verdict == Verdict::allow, c.passes)
            << "row " << row;
        EXPECT_TRUE(c.passes || !gate.lets_pass(&client)) << "row " << row;
    }
}

}  // namespace
}  // namespace sallyport::policy
