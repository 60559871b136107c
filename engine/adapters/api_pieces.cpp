// Which steps there are (engine contract 1.3): the pieces this engine performs.
#include "common/bytes.hpp"
#include "engine/adapters/api.hpp"
#include "engine/core/piece_catalog.hpp"

#include <set>

namespace sallyport::engine {
namespace {

bool has_text(const Json& piece, std::string_view wanted) {
    const std::string lower = ascii_lower(wanted);
    for (const std::string_view name : {"name", "displayName", "description"}) {
        if (ascii_lower(piece[name].text()).find(lower) != std::string::npos) {
            return true;
        }
    }
    return false;
}

void list_pieces(Api&, const CallPtr& call) {
    const std::string wanted = call->query_text("searchQuery");
    Json pieces = Json::array();
    piece_catalog().each_element([&](const Json& piece) {
        if (has_text(piece, wanted)) {
            pieces.append(piece_summary(piece));
        }
    });
    call->reply(200, pieces);
}

void list_categories(Api&, const CallPtr& call) {
    std::set<std::string> names;
    piece_catalog().each_element([&names](const Json& piece) {
        piece["categories"].each_element(
            [&names](const Json& name) { names.emplace(name.text()); });
    });
    Json categories = Json::array();
    for (const std::string& name : names) {
        categories.append(Json::string(name));
    }
    call->reply(200, categories);
}

void reply_with_piece(const CallPtr& call, const std::string& name) {
    const Json piece = find_piece(name);
    if (!piece.exists()) {
        return call->fail_not_found("piece_metadata", name);
    }
    call->reply(200, piece);
}

void get_piece(Api&, const CallPtr& call) {
    reply_with_piece(call, call->params[0]);
}

void get_scoped_piece(Api&, const CallPtr& call) {
    reply_with_piece(call, call->params[0] + "/" + call->params[1]);
}

}  // namespace

const std::vector<ApiRoute> kPieceRoutes = {
    {"GET", "pieces", ApiRoute::Access::open, list_pieces},
    {"GET", "pieces/categories", ApiRoute::Access::open, list_categories},
    {"GET", "pieces/:name", ApiRoute::Access::open, get_piece},
    {"GET", "pieces/:scope/:name", ApiRoute::Access::open, get_scoped_piece},
};

}  // namespace sallyport::engine
