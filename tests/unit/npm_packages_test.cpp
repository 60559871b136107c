// What may be asked of npm.
#include "engine/core/npm_packages.hpp"

#include <gtest/gtest.h>

namespace sallyport::engine {
namespace {

TEST(NpmPackages, NamesAndVersionsOfARegistryAlone) {
    for (const char* name : {"a", "left-pad", "@scope/name", "JSONStream", "lodash.get"}) {
        EXPECT_TRUE(is_npm_name(name)) << name;
    }
    for (const char* name : {"", ".", "../x", "@scope", "@/x", "@a/b/c", "a/b", "-g x", "a b",
                             "a@1", "_x", "@a/.b", "http://x", "\xc3\xa9"}) {
        EXPECT_FALSE(is_npm_name(name)) << name;
    }
    EXPECT_FALSE(is_npm_name(std::string(215, 'a')));
    for (const char* version :
         {"1.2.3", "^1.2", "~0.1.0-rc.1+b", ">=1 <2", "*", "latest", "1.x || 2"}) {
        EXPECT_TRUE(is_npm_version(version)) << version;
    }
    for (const char* version :
         {"", "file:../x", "git+ssh://x", "https://x/y.tgz", "npm:other@1", "../x", "-g",
          "user/repo", "./x", "$(id)", "1;2", "x.tgz", "X.TAR", "1.0.0.tar.gz"}) {
        EXPECT_FALSE(is_npm_version(version)) << version;
    }
}

TEST(NpmPackages, DependenciesOfAStep) {
    EXPECT_TRUE(npm_dependencies("").value().empty());
    EXPECT_TRUE(npm_dependencies("{}").value().empty());
    const auto found =
        npm_dependencies(R"({"dependencies":{"b":"1.0.0","a":"^2"},"scripts":{"x":"y"}})");
    ASSERT_TRUE(found.ok());
    EXPECT_EQ(npm_manifest(*found).dump(),
              R"({"private":true,"dependencies":{"a":"^2","b":"1.0.0"}})");
    for (const char* wrong : {"[", "[]", R"({"dependencies":{"a":"file:/etc"}})",
                              R"({"dependencies":{"a":1}})", R"({"dependencies":{"../a":"1"}})"}) {
        EXPECT_FALSE(npm_dependencies(wrong).ok()) << wrong;
    }
    Json many = Json::object();
    for (int i = 0; i < 51; ++i) {
        many.set("p" + std::to_string(i), Json::string("1"));
    }
    EXPECT_FALSE(npm_dependencies(Json::object({{"dependencies", many}}).dump()).ok());
}

}  // namespace
}  // namespace sallyport::engine
