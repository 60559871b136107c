// A file that a configuration names and that is read again when it changes, without a reload: keys,
// tokens, passwords. Read by the master when the configuration is read (an error stops nginx), then
// by every worker on its timer (an error is logged, and what was read last stays in force).
//
// Workers do not run as root: the file must be readable for them.
#pragma once

#include "common/result.hpp"
#include "module/nginx/ngx.hpp"

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::ngx {

struct WatchedText {
    std::string_view text;
    mode_t mode;  // secrets must not be open to everybody

    bool open_to_others() const { return (mode & 07) != 0; }
};

class WatchedFile {
  public:
    // Takes the file's content, or says what is wrong with it and changes nothing.
    using Take = std::function<Status(const WatchedText&)>;

    WatchedFile(std::string path, std::size_t bytes_max, std::int64_t refresh_ms, Take take)
        : path_(std::move(path)),
          bytes_max_(bytes_max),
          refresh_ms_(refresh_ms),
          take_(std::move(take)) {}
    ~WatchedFile();
    WatchedFile(const WatchedFile&) = delete;
    WatchedFile& operator=(const WatchedFile&) = delete;

    const std::string& path() const { return path_; }
    void refresh_at_least_every(std::int64_t ms) {
        refresh_ms_ = ms < refresh_ms_ ? ms : refresh_ms_;
    }

    // While the configuration is read.
    Status load();
    // In a worker; the file is looked at from then on.
    void watch(ngx_cycle_t* cycle);
    // What was wrong with the file when it was last looked at; what was read before is in force.
    Status state() const { return trouble_.empty() ? Status(Done{}) : Status(Error{trouble_}); }

  private:
    // What tells one state of the file from another.
    struct Stamp {
        dev_t device = 0;
        ino_t inode = 0;
        off_t size = 0;
        std::int64_t changed_ns = 0;
        std::int64_t modified_ns = 0;
        mode_t mode = 0;
        bool operator==(const Stamp&) const = default;
    };
    static bool stamp_of(const std::string& path, Stamp& out);
    void look();
    void arm();

    std::string path_;
    std::size_t bytes_max_;
    std::int64_t refresh_ms_;
    Take take_;
    Stamp seen_{};
    std::string trouble_;
    ngx_event_t timer_{};
    ngx_connection_t dummy_{};  // nginx's event code logs a timer's connection
};

// Paths of directives are relative to the configuration's folder.
Result<std::string> full_path(ngx_conf_t* cf, std::string_view path);

// `refresh=` of a directive: how often a file is looked at.
inline constexpr std::int64_t kRefreshMs = 10'000;
Result<std::int64_t> parse_refresh_ms(std::string_view text);

}  // namespace sallyport::ngx
