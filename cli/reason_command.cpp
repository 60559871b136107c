#include "cli/command.hpp"
#include "module/policy/decision.hpp"

#include <cstdio>
#include <memory>

namespace sallyport::cli {

void add_reason(const Command& program) {
    auto word = std::make_shared<std::string>();
    const Command command =
        program.command("reason", "Says what a reason word in a decision line means");
    command.option("word", *word, "One word; without it all are listed");
    command.run([word] {
        bool found = word->empty();
        for (std::size_t i = 0; i < policy::kReasonWords.size(); ++i) {
            const auto reason = static_cast<policy::Reason>(i);
            if (word->empty() || *word == policy::word(reason)) {
                found = true;
                std::printf("%-34s %s\n", std::string(policy::word(reason)).c_str(),
                            std::string(policy::meaning(reason)).c_str());
            }
        }
        if (!found) {
            fail("there is no reason \"" + *word + "\"; run: sallyport reason", kUsage);
        }
    });
}

}  // namespace sallyport::cli
