// Whether a decision log with chain= is what nginx wrote.
#include "cli/command.hpp"
#include "common/file_text.hpp"
#include "module/policy/decision_chain.hpp"

#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <memory>

namespace sallyport::cli {
namespace {

using policy::ChainReader;

struct DecisionsOptions {
    std::string key_file;
    std::vector<std::string> logs;
};

// nginx's own lines are far shorter; a longer one is none of them.
constexpr std::size_t kLineBytesMax = 64 * 1024;

class Check {
  public:
    explicit Check(HmacKey key) : reader_(std::move(key)) {}

    void read(const std::string& path) {
        std::ifstream file(path);
        if (!file) {
            fail(path + ": cannot be read", kUsage);
        }
        std::string line;
        std::size_t number = 0;
        while (next_line(file, line)) {
            judge(path, ++number, line);
        }
        if (file.bad()) {
            fail(path + ": cannot be read to its end", kUsage);
        }
    }
    void report() const {
        for (const auto& [id, place] : reader_.chains()) {
            std::printf("chain %016" PRIx64 ": up to line %" PRIu64 ", MAC %s\n", id, place.seq - 1,
                        hex_encode(place.mac.data(), place.mac.size()).c_str());
        }
    }
    bool whole() const { return faults_ == 0; }

  private:
    static bool next_line(std::ifstream& file, std::string& line) {
        line.clear();
        for (int c = file.get(); c != std::ifstream::traits_type::eof(); c = file.get()) {
            if (c == '\n') {
                return true;
            }
            if (line.size() < kLineBytesMax) {
                line.push_back(static_cast<char>(c));
            }
        }
        return !line.empty();
    }
    void judge(const std::string& path, std::size_t number, const std::string& line) {
        const ChainReader::Finding finding = reader_.read(line);
        if (finding == ChainReader::Finding::whole) {
            return;
        }
        if (finding != ChainReader::Finding::begins) {
            ++faults_;
        }
        const std::string_view meaning = policy::meaning(finding);
        std::printf("%s:%zu: %.*s\n", path.c_str(), number, static_cast<int>(meaning.size()),
                    meaning.data());
    }

    ChainReader reader_;
    std::size_t faults_ = 0;
};

void run(const DecisionsOptions& options) {
    const auto secret = read_secret_file(options.key_file);
    if (!secret) {
        fail(secret.message(), kUsage);
    }
    Check check(policy::chain_key(*secret));
    for (const std::string& log : options.logs) {
        check.read(log);
    }
    check.report();
    if (!check.whole()) {
        stop(kFailed);
    }
}

}  // namespace

void add_decisions(const Command& program) {
    auto options = std::make_shared<DecisionsOptions>();
    const Command command =
        program.command("decisions",
                        "Checks the chain of decision logs (sallyport_decision_log … chain=): says "
                        "which lines were "
                        "changed, removed or added");
    command.option("--key-file", options->key_file, "The file of chain=").required();
    command.option("log", options->logs, "The logs, the oldest first").required();
    command.run([options] { run(*options); });
}

}  // namespace sallyport::cli
