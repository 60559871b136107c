// Folders of npm packages, one a set of packages, made once and then only read. npm runs outside
// the sandbox because it must reach the registry; it runs no script of a package, and a set is
// named by versions of the registry, or by the digest of an archive that was read before.
#pragma once

#include "engine/adapters/child_command.hpp"
#include "engine/core/npm_packages.hpp"
#include "engine/ports/log.hpp"
#include "engine/ports/loop.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace sallyport::engine {

struct PackageFoldersOptions {
    std::string root;                      // absolute; made when missing
    bool may_fetch = true;                 // false: only sets that are there
    std::string npm = "npm";               // looked up in PATH
    std::vector<std::string> environment;  // what npm needs: PATH, HOME, npm_config_*, proxies
    std::int64_t time_ms_max = 300'000;
    std::uint64_t folder_bytes_max = 512u << 20;
};

class PackageFolders {
  public:
    // The folder that holds node_modules; the error is for the person who named the packages.
    using Done = std::function<void(Result<std::string>)>;

    PackageFolders(Loop& loop, Log& log, PackageFoldersOptions options)
        : loop_(loop), log_(log), options_(std::move(options)) {}

    // `done` is called once, on the loop; from inside the call when the folder is there.
    void prepare(const NpmPackages& packages, Done done);
    // Likewise, asking the registry anew what it has where fetching is allowed: for tags, such as
    // `latest`, which mean another version tomorrow.
    void renew(const NpmPackages& packages, Done done);
    // Of a package that comes as an archive: `packages` as archived_package() says. Where nothing
    // may be fetched, all that it needs must be in it, or in npm's cache.
    void prepare_archive(const NpmPackages& packages, std::shared_ptr<const std::string> bytes,
                         Done done);
    bool is_there(const NpmPackages& packages) const;

  private:
    struct Job {
        std::string key;
        NpmPackages packages;
        std::vector<Done> waiting;
        std::shared_ptr<const std::string> archive = nullptr;  // null: all of them are fetched
    };

    std::string folder_of(const std::string& key) const { return options_.root + "/" + key; }
    void fetch(const NpmPackages& packages, Done done);
    void enqueue(Job job);
    void next();
    Status begin(const Job& job);
    Status fill(const Job& job, const std::string& folder) const;
    void on_end(const ChildEnd& end);
    Result<std::string> take_over(const ChildEnd& end);
    void finish(const Result<std::string>& folder);

    Loop& loop_;
    Log& log_;
    PackageFoldersOptions options_;
    std::deque<Job> jobs_;  // one after the other: npm shares its cache
    std::unique_ptr<ChildCommand> npm_;
};

}  // namespace sallyport::engine
