#include <cstdio>
#include <memory>

#include "cli/command.hpp"
#include "module/policy/decision.hpp"

namespace sallyport::cli {

void add_reason(CLI::App& program) {
    auto word = std::make_shared<std::string>();
    CLI::App* command = program.add_subcommand("reason", "Says what a reason word in a decision line means");
    command->add_option("word", *word, "One word; without it all are listed");
    command->callback([word] {
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
