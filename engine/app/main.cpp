// sallyport-engine: reads the command line and the environment, then runs the engine.
#include "common/file_text.hpp"
#include "engine/adapters/postgres/connection.hpp"
#include "engine/app/config.hpp"
#include "engine/app/config_names.hpp"
#include "engine/app/descriptors.hpp"
#include "engine/app/engine.hpp"
#include "engine/app/version.hpp"

#include <CLI/CLI.hpp>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <iostream>

namespace {

using sallyport::Result;
using sallyport::Secret;
using sallyport::Status;
using sallyport::engine::Environment;

struct Arguments {
    std::string data;
    std::string listen;
    std::string env_file;
    bool check = false;
    bool print_config = false;
};

// Secrets in memory must not end up in a file that anybody else reads.
void forbid_core_dumps() {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    ::prctl(PR_SET_DUMPABLE, 0);
}

Environment process_environment() {
    Environment environment;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        const std::size_t equals = text.find('=');
        if (equals != std::string_view::npos) {
            environment[std::string(text.substr(0, equals))] = text.substr(equals + 1);
        }
    }
    return environment;
}

// The command line over the file over the environment.
Result<Environment> collect(const Arguments& arguments) {
    Environment environment = process_environment();
    if (!arguments.env_file.empty()) {
        const Result<Secret> text = sallyport::read_secret_file(arguments.env_file);
        if (!text.ok()) {
            return sallyport::Error{"--env-file: " + text.message()};
        }
        Result<Environment> file = sallyport::engine::parse_env_file(text->reveal());
        if (!file.ok()) {
            return sallyport::Error{"--env-file " + arguments.env_file + ": " + file.message()};
        }
        for (auto& [name, value] : *file) {
            environment[name] = value;
        }
    }
    if (!arguments.data.empty()) {
        environment["SALLYPORT_DATA"] = arguments.data;
    }
    if (!arguments.listen.empty()) {
        environment["SALLYPORT_LISTEN"] = arguments.listen;
    }
    return environment;
}

int fail(const std::string& message) {
    std::cerr << "sallyport-engine: " << message << '\n';
    return 1;
}

int start(const Arguments& arguments) {
    Result<Environment> environment = collect(arguments);
    if (!environment.ok()) {
        return fail(environment.message());
    }
    if (arguments.print_config) {
        std::cout << sallyport::engine::print_config(*environment);
    }
    auto config = sallyport::engine::read_config(*environment);
    if (!config.ok()) {
        return fail(config.message());
    }
    if (arguments.check || arguments.print_config) {
        for (const std::string& warning : config->warnings) {
            std::cerr << "sallyport-engine: warning: " << warning << '\n';
        }
        if (arguments.check) {
            std::cout << "the settings are good\n";
        }
        return 0;
    }
    sallyport::engine::forget_libpq_environment();
    const Status served = sallyport::engine::run_engine(*std::move(config));
    return served.ok() ? 0 : fail(served.message());
}

}  // namespace

int main(int argc, char** argv) {
    forbid_core_dumps();
    sallyport::engine::ask_for_descriptors();
    std::signal(SIGPIPE, SIG_IGN);  // NOLINT: a peer that went away is an error code, not a death
    try {
        CLI::App app("The automation engine behind the gateway.", "sallyport-engine");
        Arguments arguments;
        app.add_option("--data", arguments.data, "folder of the database [data]");
        app.add_option("--listen", arguments.listen,
                       "unix:PATH or ADDRESS:PORT [127.0.0.1:3000]; port 0 takes a free one");
        app.add_option("--env-file", arguments.env_file,
                       "file of NAME=value lines, closed to others (chmod 600)");
        app.add_flag("--check", arguments.check, "check the settings and end");
        app.add_flag("--print-config", arguments.print_config,
                     "print the settings in force, secrets masked, and end");
        app.set_version_flag("--version", std::string(sallyport::engine::kEngineVersion));
        app.footer(
            "Start it:\n"
            "  export AP_JWT_SECRET=$(openssl rand -hex 32) AP_ENCRYPTION_KEY=$(openssl rand -hex "
            "16)\n"
            "  sallyport-engine --data data --listen 127.0.0.1:3000\n"
            "  curl http://127.0.0.1:3000/api/v1/health\n\n"
            "Settings come from the command line, --env-file and the environment, in this "
            "order:\n" +
            sallyport::engine::describe_settings() + "\n" +
            sallyport::engine::describe_other_names());
        CLI11_PARSE(app, argc, argv);
        return start(arguments);
    } catch (const std::exception& error) {
        return fail(error.what());
    }
}
