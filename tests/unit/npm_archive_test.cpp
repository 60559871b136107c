// Packages that somebody uploads.
#include "engine/core/npm_archive.hpp"

#include "tests/unit/gzipped.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace sallyport::engine {
namespace {

using test::gzipped;
using testing::HasSubstr;

struct Entry {
    std::string path;
    std::string text;
    unsigned type = AE_IFREG;
    std::string hardlink = {};
};

constexpr const char* kPlain = R"({"name":"@acme/piece-x","version":"1.2.3"})";

std::string tgz(const std::vector<Entry>& entries, bool gzip = true) {
    std::string packed(1u << 20, '\0');
    std::size_t used = 0;
    const std::unique_ptr<archive, decltype(&archive_write_free)> writer(archive_write_new(),
                                                                         archive_write_free);
    if (gzip) {
        archive_write_add_filter_gzip(writer.get());
    }
    archive_write_set_format_pax_restricted(writer.get());
    archive_write_open_memory(writer.get(), packed.data(), packed.size(), &used);
    for (const Entry& given : entries) {
        const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(
            archive_entry_new(), archive_entry_free);
        archive_entry_set_pathname(entry.get(), given.path.c_str());
        archive_entry_set_filetype(entry.get(), given.type);
        archive_entry_set_perm(entry.get(), 0644);
        if (!given.hardlink.empty()) {
            archive_entry_set_hardlink(entry.get(), given.hardlink.c_str());
        }
        if (given.type == AE_IFLNK) {
            archive_entry_set_symlink(entry.get(), given.text.c_str());
        }
        const bool file = given.type == AE_IFREG && given.hardlink.empty();
        archive_entry_set_size(entry.get(), file ? static_cast<la_int64_t>(given.text.size()) : 0);
        EXPECT_EQ(archive_write_header(writer.get(), entry.get()), ARCHIVE_OK) << given.path;
        if (file) {
            archive_write_data(writer.get(), given.text.data(), given.text.size());
        }
    }
    archive_write_close(writer.get());
    packed.resize(used);
    return packed;
}

// An entry as POSIX ustar writes it, with `size` bytes of `text` and zeros behind it.
std::string ustar(const std::string& name, char type, const std::string& text, std::size_t size) {
    char header[512] = {};
    std::snprintf(header, 100, "%s", name.c_str());
    std::snprintf(header + 100, 8, "%07o", 0644);
    std::snprintf(header + 124, 12, "%011zo", size);
    header[156] = type;
    std::memcpy(header + 257, "ustar\00000", 8);
    std::memset(header + 148, ' ', 8);
    unsigned sum = 0;
    for (const char c : header) {
        sum += static_cast<unsigned char>(c);
    }
    std::snprintf(header + 148, 8, "%06o", sum);
    std::string entry(header, sizeof header);
    entry += text;
    entry.resize(sizeof header + (size + 511) / 512 * 512, '\0');
    return entry;
}

std::string with_manifest(const std::string& manifest) {
    return tgz({{"package/package.json", manifest}});
}

std::string problem(const std::string& bytes) {
    const auto read = read_npm_archive(bytes);
    return read.ok() ? "" : read.message();
}

TEST(NpmArchive, SaysWhatItHolds) {
    const auto read = read_npm_archive(tgz({{"package/", "", AE_IFDIR},
                                            {"package/index.js", "exports.x = 1"},
                                            {"package/package.json", kPlain},
                                            {"package/src/package.json", "[not looked at"}}));
    ASSERT_TRUE(read.ok()) << read.message();
    EXPECT_EQ(read->name, "@acme/piece-x");
    EXPECT_EQ(read->version, "1.2.3");
    EXPECT_EQ(problem(tgz({{"piece/package.json", kPlain}})), "") << "the folder's name is free";
}

TEST(NpmArchive, IsAGzippedTarOfOneFolder) {
    EXPECT_THAT(problem(""), HasSubstr("no gzipped tar"));
    EXPECT_THAT(problem("PK\x03\x04 a zip"), HasSubstr("no gzipped tar"));
    EXPECT_THAT(problem(tgz({{"package/package.json", kPlain}}, false)),
                HasSubstr("no gzipped tar"));
    std::string cut = with_manifest(kPlain);
    cut.resize(cut.size() / 2);
    EXPECT_THAT(problem(cut), HasSubstr("no gzipped tar"));
    EXPECT_THAT(problem(with_manifest(kPlain) + "more"), HasSubstr("no gzipped tar"));
    EXPECT_THAT(problem(tgz({})), HasSubstr("no package.json"));
    EXPECT_THAT(problem(tgz({{"package/a.js", ""}})), HasSubstr("no package.json"));
    EXPECT_THAT(problem(tgz({{"package.json", kPlain}})), HasSubstr("outside its folder"));
    EXPECT_THAT(problem(tgz({{"a/package.json", kPlain}, {"b/x.js", ""}})),
                HasSubstr("more than one folder"));
    EXPECT_THAT(problem(std::string(kNpmArchiveBytesMax + 1, 'x')), HasSubstr("larger than 10 MB"));
}

// What another reader could find at another place than this one.
TEST(NpmArchive, PathsAreSpeltInOneWay) {
    for (const char* path : {"/etc/passwd", "package/../../x", "../x", "./package/x", "package/./x",
                             "package//x", "package\\..\\x", "package/a\\b"}) {
        EXPECT_THAT(problem(tgz({{"package/package.json", kPlain}, {path, "x"}})),
                    HasSubstr("no plain path"))
            << path;
    }
    EXPECT_THAT(problem(tgz({{"package/package.json", kPlain}, {"package/package.json", kPlain}})),
                HasSubstr("second package.json"));
    EXPECT_THAT(problem(tgz({{"package/package.json", kPlain},
                             {"package/\x1b[31m" + std::string(2000, 'x'), ""}})),
                HasSubstr("'package/?[31mxx"));
}

TEST(NpmArchive, HoldsFilesAndFolders) {
    for (const Entry& entry :
         {Entry{"package/l", "/etc/passwd", AE_IFLNK},
          Entry{"package/h", "", AE_IFREG, "package/package.json"},
          Entry{"package/d", "", AE_IFCHR}, Entry{"package/f", "", AE_IFIFO}}) {
        EXPECT_THAT(problem(tgz({{"package/package.json", kPlain}, entry})),
                    HasSubstr("neither file nor folder"))
            << entry.path;
    }
}

TEST(NpmArchive, NeverGrows) {
    EXPECT_THAT(problem(tgz({{"package/package.json", kPlain},
                             {"package/a", std::string(40u << 20, '\0')},
                             {"package/b", std::string(30u << 20, '\0')}})),
                HasSubstr("more than 20000 entries or 64 MB"));
    // What it says of its sizes need not be so: a sparse file of nothing that takes 66 MB.
    const std::string nothing = "25 GNU.sparse.realsize=0\n";
    EXPECT_THAT(problem(gzipped(ustar("package/package.json", '0', kPlain, std::strlen(kPlain)) +
                                ustar("package/PaxHeader", 'x', nothing, nothing.size()) +
                                ustar("package/a", '0', "", 66u << 20) + std::string(1024, '\0'))),
                HasSubstr("more than 20000 entries or 64 MB"));
    std::vector<Entry> many = {{"package/package.json", kPlain}};
    for (std::size_t i = 0; i < kNpmArchiveEntriesMax; ++i) {
        many.push_back({"package/" + std::to_string(i), ""});
    }
    EXPECT_THAT(problem(tgz(many)), HasSubstr("more than 20000 entries"));
    EXPECT_THAT(problem(with_manifest(std::string(2u << 20, ' '))), HasSubstr("larger than 1 MB"));
}

TEST(NpmArchive, HasANameAndAnExactVersion) {
    for (const char* manifest :
         {"{}", R"({"name":"x"})", R"({"name":"../x","version":"1.0.0"})",
          R"({"name":"x","version":"1"})", R"({"name":"x","version":"^1.0.0"})",
          R"({"name":"x","version":"latest"})", R"({"name":"x","version":"1.0.x"})",
          R"({"name":"x","version":"1.0.0-"})", R"({"name":7,"version":"1.0.0"})"}) {
        EXPECT_THAT(problem(with_manifest(manifest)), HasSubstr("a name and an exact version"))
            << manifest;
    }
    for (const char* manifest : {"", "[]", "{", "null"}) {
        EXPECT_THAT(problem(with_manifest(manifest)), HasSubstr("not a JSON object")) << manifest;
    }
    EXPECT_EQ(problem(with_manifest(R"({"name":"x","version":"1.0.0-rc.1+b.2"})")), "");
}

std::string depends(const std::string& dependencies) {
    return R"({"name":"x","version":"1.0.0",)" + dependencies + "}";
}

// Whatever npm would fetch from somewhere else, or read from this machine.
TEST(NpmArchive, DependsOnTheRegistryAlone) {
    for (const char* spec : {"1.0.0", "^1.2", "*", "", "latest", ">=1 <3", "npm:other@^2",
                             "npm:@a/b@1.0.0", "npm:c"}) {
        EXPECT_EQ(problem(with_manifest(
                      depends(R"("dependencies":{"a":")" + std::string(spec) + R"("})"))),
                  "")
            << spec;
    }
    for (const char* kind : {"dependencies", "optionalDependencies", "peerDependencies"}) {
        for (const char* spec :
             {"file:../../etc", "../x", "~/x", "/etc", "http://169.254.169.254/x.tgz",
              "https://x/y", "git+ssh://git@x/y", "git@x:y", "user/repo", "github:user/repo",
              "workspace:*", "link:x", "x.tgz", "X.TAR.GZ", "npm:../x", "npm:a@file:x", "npm:"}) {
            EXPECT_THAT(problem(with_manifest(
                            depends("\"" + std::string(kind) + R"(":{"a":")" + spec + R"("})"))),
                        HasSubstr("of the registry alone"))
                << kind << ' ' << spec;
        }
        EXPECT_THAT(problem(with_manifest(depends("\"" + std::string(kind) + R"(":["file:x"])"))),
                    HasSubstr("must be an object"));
        EXPECT_THAT(
            problem(with_manifest(depends("\"" + std::string(kind) + R"(":{"a":{"x":1}})"))),
            HasSubstr("of the registry alone"));
        EXPECT_THAT(problem(with_manifest(depends("\"" + std::string(kind) + R"(":{"../a":"1"})"))),
                    HasSubstr("of the registry alone"));
    }
    EXPECT_EQ(problem(with_manifest(depends(R"("devDependencies":{"a":"workspace:*"})"))), "")
        << "these are not installed";
    std::string many = R"("dependencies":{"a":"1")";
    for (int i = 0; i < 1000; ++i) {
        many += ",\"d" + std::to_string(i) + "\":\"1\"";
    }
    EXPECT_THAT(problem(with_manifest(depends(many + "}"))), HasSubstr("more than 1000"));
}

// npm reads those of bundled packages, too, and where a lock file says that they are.
TEST(NpmArchive, WhatItBundlesDoesTheSame) {
    const std::string bad = depends(R"("dependencies":{"a":"http://127.0.0.1/x"})");
    for (const char* path :
         {"package/node_modules/b/package.json", "package/node_modules/@s/b/package.json",
          "package/node_modules/b/node_modules/_c/package.json"}) {
        EXPECT_THAT(problem(tgz({{"package/package.json", kPlain}, {path, bad}})),
                    HasSubstr("of the registry alone"))
            << path;
    }
    for (const char* path : {"package/node_modules/b/test/package.json", "package/x/package.json",
                             "package/xnode_modules/b/package.json"}) {
        EXPECT_EQ(problem(tgz({{"package/package.json", kPlain}, {path, bad}})), "") << path;
    }
    EXPECT_THAT(problem(tgz({{"package/package.json", kPlain},
                             {"package/node_modules/b/npm-shrinkwrap.json", "{}"}})),
                HasSubstr("npm-shrinkwrap.json"));
}

TEST(NpmArchive, IsNamedByItsDigest) {
    EXPECT_EQ(npm_manifest(archived_package("@acme/x", "abc")).dump(),
              R"({"private":true,"dependencies":{"@acme/x":"file:abc.tgz"}})");
}

}  // namespace
}  // namespace sallyport::engine
