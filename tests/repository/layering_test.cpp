// Arrows point one way: nginx -> store -> policy -> common, app -> adapters -> ports -> core ->
// common; the two doors meet only in common/contract. Link lists enforce this too; here a stray
// include path, or a header that happens to be in /usr/include, fails as well.
#include "tests/repository/source_tree.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace sallyport::repository {
namespace {

using List = std::vector<std::string_view>;

struct Layer {
    std::string_view folder;  // the longest folder that holds a file decides
    List project;             // what of ours it may include
};

const std::vector<Layer>& layers() {
    static const std::vector<Layer> rules = {
        {"common/", {"common/"}},
        {"module/policy/", {"common/", "module/policy/"}},
        {"module/store/", {"common/", "module/policy/", "module/store/"}},
        {"module/nginx/", {"common/", "module/policy/", "module/store/", "module/nginx/"}},
        {"engine/core/", {"common/", "engine/core/"}},
        {"engine/ports/", {"common/", "engine/core/", "engine/ports/"}},
        {"engine/jsbox/", {"common/", "engine/jsbox/"}},
        {"engine/nodebox/",
         {"engine/jsbox/protocol.hpp", "engine/jsbox/types/", "engine/nodebox/"}},
        {"engine/adapters/",
         {"common/", "engine/core/", "engine/ports/", "engine/jsbox/", "engine/adapters/"}},
        {"engine/", {"common/", "engine/"}},
        {"cli/lint/", {"common/", "cli/lint/"}},
        {"cli/", {"common/", "module/policy/", "module/store/", "cli/"}},
        {"bench/", {"common/", "module/policy/", "module/store/", "engine/", "bench/"}},
        // The exception wall is tried without nginx.
        {"tests/unit/",
         {"common/", "module/policy/", "module/store/", "module/nginx/guard.hpp", "engine/",
          "cli/lint/", "tests/"}},
        {"tests/fuzz/",
         {"common/", "module/policy/", "module/store/", "engine/", "cli/lint/", "tests/"}},
        {"tests/store/", {"common/", "module/policy/", "module/store/", "engine/", "tests/"}},
        {"tests/engine/", {"common/", "engine/", "tests/"}},
        {"tests/", {"common/", "module/", "tests/"}},
        // From outside, as a client; common lends its byte and JSON helpers.
        {"tests/integration/", {"common/", "tests/"}},
        {"tests/repository/", {"common/", "module/policy/", "tests/repository/"}},
    };
    return rules;
}

struct ThirdParty {
    std::string_view header;  // a prefix
    List allowed;             // folders or files
};

// Who may see which library. What is not listed is free, the standard library above all.
const std::vector<ThirdParty>& third_parties() {
    static const std::vector<ThirdParty> rules = {
        {"ngx_",
         {"module/nginx/ngx.hpp", "module/nginx/modules.c",
          "tests/repository/include_nginx_probe.cpp", "tests/watching_module/"}},
        {"openssl/",
         {"common/crypto", "module/nginx/", "engine/adapters/", "cli/redis_session", "tests/"}},
        {"jansson.h", {"common/json"}},
        {"hiredis", {"module/store/", "engine/adapters/", "tests/store/", "tests/integration/"}},
        {"boost/", {"engine/adapters/", "engine/app/", "tests/engine/", "tests/integration/"}},
        {"curl/", {"engine/adapters/", "engine/app/", "cli/", "tests/"}},
        {"sqlite3.h", {"engine/adapters/", "tests/"}},
        {"libpq-fe.h", {"engine/adapters/", "tests/"}},
        {"date/", {"engine/adapters/"}},
        {"spdlog/", {"engine/adapters/", "engine/app/"}},
        {"argon2.h", {"engine/adapters/", "common/crypto"}},
        {"zstd.h", {"engine/core/packed_text"}},
        {"CLI/", {"cli/", "engine/app/"}},
        {"seccomp.h", {"engine/jsbox/", "engine/nodebox/"}},
        {"gtest/", {"tests/"}},
        {"gmock/", {"tests/"}},
        {"cmocka.h", {"tests/cmocka/"}},
    };
    return rules;
}

// Layers that decide and never act.
const List& pure_layers() {
    static const List folders = {"common/", "module/policy/", "module/store/", "engine/core/",
                                 "engine/ports/"};
    return folders;
}

const List& acting_headers() {
    static const List headers = {
        "sys/socket.h", "netdb.h",    "unistd.h",   "fcntl.h",  "poll.h",  "sys/epoll.h",
        "sys/stat.h",   "sys/file.h", "fstream",    "iostream", "thread",  "random",
        "filesystem",   "future",     "pthread.h",  "signal.h", "csignal", "sys/time.h",
        "sys/mman.h",   "sys/wait.h", "sys/types.h"};
    return headers;
}

bool any_prefix(const List& prefixes, std::string_view text) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&](std::string_view prefix) { return text.starts_with(prefix); });
}

const Layer* layer_of(const SourceFile& file) {
    const Layer* best = nullptr;
    for (const Layer& layer : layers()) {
        if (file.is_under(layer.folder) &&
            (best == nullptr || layer.folder.size() > best->folder.size())) {
            best = &layer;
        }
    }
    return best;
}

bool names_our_folder(std::string_view target) {
    static const List folders = {"common/", "module/", "engine/", "cli/", "tests/", "bench/"};
    return any_prefix(folders, target);
}

TEST(Layering, EveryIncludePointsTheAllowedWay) {
    for (const SourceFile& file : source_tree()) {
        if (!file.is_cpp()) {
            continue;
        }
        const Layer* layer = layer_of(file);
        ASSERT_NE(layer, nullptr) << file.path << " stands in no layer";
        for (const Include& include : includes_of(file)) {
            if (names_our_folder(include.target)) {
                EXPECT_TRUE(any_prefix(layer->project, include.target))
                    << at(file, include.line, layer->folder) << " may not include "
                    << include.target;
                EXPECT_NE(find_file(include.target), nullptr)
                    << at(file, include.line, include.target) << " does not exist";
            } else if (include.quoted) {
                // Generated headers are named by file alone; ours by path from the root.
                EXPECT_EQ(include.target.find('/'), std::string::npos)
                    << at(file, include.line, include.target) << ": name it from the root";
                EXPECT_EQ(find_file(file.path.substr(0, file.path.rfind('/') + 1) + include.target),
                          nullptr)
                    << at(file, include.line, include.target) << ": name it from the root";
            }
        }
    }
}

TEST(Layering, LibrariesStayWhereTheyBelong) {
    for (const SourceFile& file : source_tree()) {
        if (!file.is_cpp()) {
            continue;
        }
        for (const Include& include : includes_of(file)) {
            for (const ThirdParty& rule : third_parties()) {
                if (include.target.starts_with(rule.header)) {
                    EXPECT_TRUE(any_prefix(rule.allowed, file.path))
                        << at(file, include.line, include.target) << " does not belong here";
                }
            }
        }
    }
}

TEST(Layering, PureLayersIncludeNothingThatActs) {
    // The one file of common that reads files, at start-up and reload only.
    constexpr std::string_view kReader = "common/file_text.cpp";
    for (const SourceFile& file : source_tree()) {
        if (!file.is_cpp() || !any_prefix(pure_layers(), file.path) || file.path == kReader) {
            continue;
        }
        for (const Include& include : includes_of(file)) {
            EXPECT_EQ(std::count(acting_headers().begin(), acting_headers().end(), include.target),
                      0)
                << at(file, include.line, include.target) << ": pure code neither acts nor asks";
        }
    }
}

TEST(Layering, AdaptersDoNotKnowEachOther) {
    // An adapter is a folder, or a family of files in one: sqlite/, sandbox/jsbox_pool. What stands
    // behind a port is known to its own family, and to app, which wires it.
    const std::string adapters = "engine/adapters/";
    for (const std::string_view family :
         {"sqlite/", "postgres/", "redis/", "sandbox/jsbox_", "steps/smtp_", "s3/"}) {
        const std::string prefix = adapters + std::string(family);
        for (const SourceFile& file : source_tree()) {
            if (!file.is_cpp() || !file.is_under(adapters) || file.is_under(prefix)) {
                continue;
            }
            for (const Include& include : includes_of(file)) {
                EXPECT_FALSE(include.target.starts_with(prefix))
                    << at(file, include.line, include.target) << " is another adapter";
            }
        }
    }
}

TEST(Layering, OnlyModuleCppKnowsAllFeatures) {
    // A header that declares a feature's glue is for its own source and for module.cpp.
    for (const SourceFile& file : source_tree()) {
        if (!file.is_under("module/nginx/") || !file.is_cpp()) {
            continue;
        }
        for (const Include& include : includes_of(file)) {
            if (!include.target.ends_with("_glue.hpp")) {
                continue;
            }
            const std::string stem = include.target.substr(0, include.target.size() - 4);
            EXPECT_TRUE(file.path == "module/nginx/module.cpp" || file.path.starts_with(stem))
                << at(file, include.line, include.target) << " is another feature's";
        }
    }
}

TEST(Layering, NoTargetIsEmpty) {
    // The checks above would pass on an empty tree.
    for (const std::string_view folder : {"common/", "module/policy/", "module/nginx/"}) {
        const auto& files = source_tree();
        EXPECT_TRUE(std::any_of(files.begin(), files.end(), [&](const SourceFile& file) {
            return file.is_under(folder) && !includes_of(file).empty();
        })) << folder;
    }
}

}  // namespace
}  // namespace sallyport::repository
