// Pieces that an administrator sends as an archive (POST pieces with packageType ARCHIVE).
#include "common/bytes.hpp"
#include "common/crypto.hpp"
#include "engine/adapters/api/hosted_pieces.hpp"
#include "engine/adapters/steps/piece_tasks.hpp"
#include "engine/core/multipart.hpp"
#include "engine/core/npm_archive.hpp"
#include "engine/core/pieces/catalog.hpp"

#include <memory>
#include <string>
#include <utility>

namespace sallyport::engine {
namespace {

constexpr std::string_view kArchiveField = "pieceArchive";

// The form's archive; null when there is none.
ArchiveBytes sent_bytes(const CallPtr& call) {
    const auto parts = parse_multipart(call->request.header("content-type"), call->request.body);
    if (parts.ok()) {
        for (const MultipartPart& part : *parts) {
            if (part.name == kArchiveField && part.file_name) {
                return std::make_shared<const std::string>(part.data);
            }
        }
    }
    return nullptr;
}

// Why the archive is not what the form says; empty when it is.
std::string mismatch(const CallPtr& call, const NpmArchive& archive) {
    const std::string_view name = call->body["pieceName"].text();
    const std::string_view version = call->body["pieceVersion"].text();
    if (archive.name != name || (!version.empty() && archive.version != version)) {
        return "body/pieceArchive holds " + archive.name + " " + archive.version + ", not " +
               std::string(name) + " " + std::string(version);
    }
    return find_piece(name).exists()
               ? "body/pieceName names a piece that the engine performs itself"
               : "";
}

struct Sent {
    NpmArchive archive;
    SentArchive bytes;
};

void keep(Api& api, const CallPtr& call, const Sent& sent, const Json& description) {
    api.ports.archives.keep(
        sent.archive.name, sent.archive.version, sent.bytes.sha256, sent.bytes.bytes,
        [&api, call, sent, description](const Result<PieceArchives::Kept>& kept) {
            if (api.failed(call, kept)) {
                return;
            }
            const std::string named = sent.archive.name + " " + sent.archive.version;
            switch (*kept) {
                case PieceArchives::Kept::kept:
                    return keep_description(api, call, description, PieceSource::archive);
                case PieceArchives::Kept::taken:
                    return fail_with(call, named +
                                               " is installed from another archive, and flows "
                                               "run it: give this one a version of its own");
                case PieceArchives::Kept::full:
                    return fail_with(
                        call, "there have been " + std::to_string(PieceArchives::kVersionsMax) +
                                  " archives of " + sent.archive.name +
                                  ": delete the piece (DELETE /v1/pieces/:id), and give this one "
                                  "a version that another had");
            }
        });
}

}  // namespace

// It is kept once it has said what it is: what npm cannot install, or what is no piece, leaves
// everything as it was.
void install_archive(Api& api, const CallPtr& call) {
    const ArchiveBytes bytes = sent_bytes(call);
    if (bytes == nullptr) {
        return call->fail_validation(
            "body/pieceArchive must be a file of a form (multipart/form-data)");
    }
    Result<NpmArchive> archive = read_npm_archive(*bytes);
    if (!archive.ok()) {
        return call->fail_validation("body/pieceArchive: " + archive.message());
    }
    const std::string problem = mismatch(call, *archive);
    if (!problem.empty()) {
        return call->fail_validation(problem);
    }
    const Sent sent{*std::move(archive),
                    {hex_encode(digest(DigestAlgorithm::sha256, *bytes)), bytes}};
    api.ports.pieces->describe_sent(sent.archive.name, sent.archive.version, sent.bytes,
                                    [&api, call, sent](const SandboxResult& ran) {
                                        if (ran.status != SandboxStatus::ok) {
                                            return fail_with(call, ran.error);
                                        }
                                        keep(api, call, sent, ran.value);
                                    });
}

}  // namespace sallyport::engine
