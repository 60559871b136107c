// The `sallyport` command as an operator meets it: what it prints, what it refuses and how it
// exits.
#include "tests/integration/fixtures/process.hpp"
#include "tests/integration/fixtures/temp_dir.hpp"

#include <gtest/gtest.h>

namespace sallyport::test {
namespace {

std::string cli_path() {
    return environment_or("SALLYPORT_CLI_BIN", SALLYPORT_CLI_BIN_DEFAULT);
}

CommandResult run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), cli_path());
    return run_command(arguments);
}

// The example of GitHub's documentation ("Validating webhook deliveries").
TEST(Cli, SignsAsGitHubDoes) {
    TempDir dir("cli");
    const std::string secret = dir.write("secret.key", "It's a Secret to Everybody", 0600);
    const std::string body = dir.write("body", "Hello, World!");
    const auto result =
        run({"sign", "github", "--secret-file", secret, "--body", body, "--id", "d-1"});
    EXPECT_EQ(result.exit_code, 0) << result.output;
    EXPECT_EQ(result.output,
              "X-GitHub-Delivery: d-1\n"
              "X-Hub-Signature-256: "
              "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17\n");
}

TEST(Cli, PrintsACurlCommandAShellCanRun) {
    TempDir dir("cli");
    const std::string secret = dir.write("secret.key", "0123456789abcdef", 0600);
    const std::string body = dir.write("it's a body", "{}");
    const auto result = run({"sign", "slack", "--secret-file", secret, "--body", body, "--time",
                             "1700000000", "--curl", "--url", "https://example.org/x"});
    EXPECT_EQ(result.exit_code, 0) << result.output;
    EXPECT_NE(result.output.find("-H 'X-Slack-Request-Timestamp: 1700000000'"), std::string::npos);
    EXPECT_NE(result.output.find("it'\\''s a body"), std::string::npos) << result.output;
}

TEST(Cli, MakesSecretsThatDiffer) {
    const auto first = run({"secret"});
    const auto second = run({"secret"});
    EXPECT_EQ(first.output.size(), 65u);
    EXPECT_NE(first.output, second.output);
    EXPECT_EQ(run({"secret", "16"}).output.size(), 33u);
    EXPECT_EQ(run({"secret", "8"}).exit_code, 2);
}

TEST(Cli, MakesTokensWhoseFileLineIsAHash) {
    const auto result = run({"token", "--name", "ci"});
    const std::size_t end = result.output.find('\n');
    EXPECT_EQ(end, 43u) << result.output;
    EXPECT_EQ(result.output.compare(end + 1, 7, "sha256:"), 0) << result.output;
    EXPECT_TRUE(result.output.ends_with(" ci\n")) << result.output;
    EXPECT_NE(run({"token"}).output, run({"token"}).output);
    EXPECT_NE(run({"token", "--name", "ci", "--expires", "2027-01-31"}).output.find("expires=2027"),
              std::string::npos);
    EXPECT_EQ(run({"token", "--name", "ci", "--expires", "soon"}).exit_code, 2);
    EXPECT_NE(run({"password", "ada"}).output.find("ada:$scrypt$ln=13,r=8,p=1$"), std::string::npos);
    EXPECT_EQ(run({"password", "a:b"}).exit_code, 2);
    EXPECT_EQ(run({"token", "--name", "a\nb"}).exit_code, 2);
}

TEST(Cli, ChecksListsAsTheGatewayDoes) {
    TempDir dir("cli");
    const std::string good = dir.write("good.txt", "10.0.0.0/8\n# x\n2001:db8::/32\n");
    const std::string bad = dir.write("bad.txt", "10.0.0.0/8\n10.0.0.1/8\n");
    const std::string wide = dir.write("wide.txt", "0.0.0.0/1\n128.0.0.0/2\n");
    const std::string empty = dir.write("empty.txt", "# nothing\n");
    const std::string meta = dir.write("meta.json", R"({"hooks": ["192.30.252.0/22"]})");
    const struct {
        std::vector<std::string> arguments;
        int exit_code;
        const char* piece;
    } rows[] = {
        {{good}, 0, "2 blocks, 2 ranges"},
        {{good, "--contains", "10.9.9.9"}, 0, "10.9.9.9 is in 10.0.0.0/8"},
        {{good, "--contains", "11.9.9.9"}, 1, "in no block"},
        {{good, "--contains", "ten"}, 2, "not an address"},
        {{bad}, 1, "bad.txt:2: \"10.0.0.1/8\""},
        {{wide}, 1, "covers 75.0% of all IPv4"},
        {{wide, "--share", "100"}, 0, "2 blocks"},
        {{empty, "--against", good}, 1, "has 0 blocks where there were 2"},
        {{empty, "--against", good, "--guard", "0"}, 0, "0 blocks"},
        {{meta, "--feed", "github.hooks"}, 0, "1 blocks"},
        {{meta, "--feed", "github.web"}, 1, "no section \"web\""},
        {{meta, "--feed", "azure"}, 2, "is not a feed"},
        {{"/none"}, 1, "cannot be opened"},
    };
    for (const auto& row : rows) {
        std::vector<std::string> arguments = row.arguments;
        arguments.insert(arguments.begin(), {"list", "check"});
        const auto result = run(arguments);
        EXPECT_EQ(result.exit_code, row.exit_code) << result.output;
        EXPECT_NE(result.output.find(row.piece), std::string::npos) << result.output;
    }
}

struct WrongUse {
    std::vector<std::string> arguments;
    int exit_code;
    const char* remedy;
};

TEST(Cli, SaysWhatIsWrongAndWhatToDo) {
    TempDir dir("cli");
    const std::string body = dir.write("body", "{}");
    const std::string open_key = dir.write("open", "0123456789abcdef", 0644);
    const std::string empty_key = dir.write("empty.key", "", 0600);
    const std::string key = dir.write("good.key", "0123456789abcdef", 0600);
    const WrongUse cases[] = {
        {{}, 2, "subcommand"},
        {{"nonsense"}, 2, "--help"},
        {{"sign"}, 2, "required"},
        {{"sign", "nobody", "--secret-file", key, "--body", body}, 2, "github"},
        {{"sign", "github", "--secret-file", "/none", "--body", body}, 1, "cannot be opened"},
        {{"sign", "github", "--secret-file", open_key, "--body", body}, 1, "chmod"},
        {{"sign", "github", "--secret-file", empty_key, "--body", body}, 1, "openssl rand"},
        {{"sign", "github", "--secret-file", key, "--body", "/none"}, 1, "cannot be opened"},
        {{"sign", "standard", "--secret-file", key, "--body", body}, 1, "id"},
        {{"sign", "mailgun", "--secret-file", key, "--body", body}, 1, "not signed here"},
        {{"sign", "x", "--profile", "sig=nonsense", "--secret-file", key, "--body", body},
         2,
         "sig"},
        {{"reason", "no_such_word"}, 2, "sallyport reason"},
    };
    for (const WrongUse& c : cases) {
        const auto result = run(c.arguments);
        EXPECT_EQ(result.exit_code, c.exit_code) << result.output;
        EXPECT_NE(result.output.find(c.remedy), std::string::npos) << result.output;
        EXPECT_EQ(result.output.find("0123456789abcdef"), std::string::npos);
    }
}

TEST(Cli, TeachesItself) {
    for (const auto& arguments : std::vector<std::vector<std::string>>{{"--help"},
                                                                       {"list", "check", "--help"},
                                                                       {"sign", "--help"},
                                                                       {"secret", "--help"},
                                                                       {"reason", "--help"},
                                                                       {"token", "--help"},
                                                                       {"password", "--help"}}) {
        const auto result = run(arguments);
        EXPECT_EQ(result.exit_code, 0);
        EXPECT_GT(result.output.size(), 100u);
    }
    EXPECT_EQ(run({"--version"}).output.rfind("sallyport ", 0), 0u);
    const auto reasons = run({"reason"}).output;
    EXPECT_NE(reasons.find("webhook_duplicate"), std::string::npos);
}

}  // namespace
}  // namespace sallyport::test
