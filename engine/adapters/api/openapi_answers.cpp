#include "engine/adapters/api/openapi_answers.hpp"

#include "common/bytes.hpp"
#include "engine/adapters/api/openapi_types.hpp"

#include <array>
#include <charconv>
#include <string>

namespace sallyport::engine {
namespace {

struct Named {
    std::string_view name;
    std::string_view members;
};

constexpr std::array kTypes = {
    Named{"FlowVersion",
          "id:text! created:text! updated:text! flowId:text! displayName:text! trigger:object! "
          "valid:boolean! schemaVersion:text! state:DRAFT|LOCKED! connectionIds:texts! "
          "notes:objects!"},
    Named{"FlowVersionMetadata",
          "id:text! created:text! updated:text! flowId:text! displayName:text! valid:boolean! "
          "state:DRAFT|LOCKED!"},
    Named{"Flow",
          "id:text! created:text! updated:text! projectId:text! externalId:text! "
          "status:ENABLED|DISABLED! folderId:text? publishedVersionId:text? metadata:object? "
          "templateId:text? "
          "version:FlowVersion!"},
    Named{"FlowRun",
          "id:text! created:text! updated:text! projectId:text! flowId:text! flowVersionId:text! "
          "flowVersion:object! environment:PRODUCTION|TESTING! status:text! startTime:text? "
          "finishTime:text? tags:texts! stepsCount:number! archivedAt:text? failedStep:object "
          "steps:any"},
    Named{"Waitpoint", "id:text! resumeUrl:text!"},
    Named{"StatusCounts", "data:objects!"},
    Named{"Folder",
          "id:text! created:text! updated:text! projectId:text! displayName:text! "
          "numberOfFlows:number!"},
    Named{"Connection",
          "id:text! created:text! updated:text! externalId:text! displayName:text! "
          "pieceName:text! pieceVersion:text! type:text! status:text! scope:text! "
          "projectIds:texts! metadata:object? flowIds:texts!"},
    Named{"Owner", "firstName:text! lastName:text! email:text!"},
    Named{"Variable", "id:text! created:text! updated:text! name:text! projectId:text!"},
    Named{"Revealed", "value:text!"},
    Named{"StoreEntry", "id:text! created:text! updated:text! key:text! projectId:text!"},
    Named{"Table",
          "id:text! created:text! updated:text! name:text! projectId:text! externalId:text!"},
    Named{"TableExport", "name:text! fields:objects! rows:objects!"},
    Named{"Field",
          "id:text! created:text! updated:text! name:text! externalId:text! tableId:text! "
          "projectId:text! type:TEXT|NUMBER|DATE|STATIC_DROPDOWN!"},
    Named{"Record",
          "id:text! created:text! updated:text! tableId:text! projectId:text! cells:object!"},
    Named{"McpServer",
          "id:text! created:text! updated:text! name:text! projectId:text! token:text! "
          "tools:objects!"},
    Named{"ProjectMcpServer", "id:text! projectId:text! status:ENABLED|DISABLED! token:text!"},
    Named{"Project",
          "id:text! created:text! updated:text! ownerId:text! displayName:text! platformId:text! "
          "type:PERSONAL|TEAM! maxConcurrentJobs:number? externalId:text? metadata:object? "
          "icon:object! plan:object!"},
    Named{"User",
          "id:text! created:text! updated:text! email:text! firstName:text! lastName:text! "
          "status:ACTIVE|INACTIVE! platformRole:ADMIN|MEMBER|OPERATOR!"},
    Named{"Me",
          "id:text! email:text! firstName:text! lastName:text! platformId:text? "
          "trackEvents:boolean! newsLetter:boolean!"},
    Named{"Session",
          "id:text! email:text! firstName:text! lastName:text! platformId:text! token:text! "
          "projectId:text?"},
    Named{"ProjectRole",
          "id:text! created:text! updated:text! name:text! permissions:texts! platformId:text? "
          "type:DEFAULT|CUSTOM!"},
    Named{"ProjectMember",
          "id:text! created:text! updated:text! platformId:text! userId:text! projectId:text! "
          "projectRoleId:text! user:User! projectRole:ProjectRole! project:object!"},
    Named{"Invitation",
          "id:text! created:text! updated:text! email:text! status:PENDING|ACCEPTED! "
          "type:PLATFORM|PROJECT! platformId:text! platformRole:text? projectId:text? "
          "projectRoleId:text? link:text"},
    Named{"Accepted", "registered:boolean!"},
    Named{"Alert",
          "id:text! created:text! updated:text! projectId:text! channel:EMAIL! receiver:text!"},
    Named{"AuditEvent",
          "id:text! created:text! updated:text! platformId:text! action:text! data:object! "
          "projectId:text userId:text userEmail:text ip:text"},
    Named{"Platform",
          "id:text! created:text! updated:text! ownerId:text! name:text! primaryColor:text! "
          "plan:object!"},
    Named{"ApiKey",
          "id:text! created:text! updated:text! platformId:text! displayName:text! "
          "truncatedValue:text! lastUsedAt:text? value:text"},
    Named{"OAuthApp", "id:text! created:text! updated:text! pieceName:text! clientId:text!"},
    Named{"Template",
          "id:text! created:text! updated:text! name:text! type:SHARED|CUSTOM|OFFICIAL! "
          "flows:objects"},
    Named{"Tag", "id:text! created:text! updated:text! name:text!"},
    Named{"PieceOfRegistry", "name:text! version:text!"},
    Named{"Job",
          "id:text! created:text! updated:text! type:text! "
          "status:RUNNING|SUCCEEDED|FAILED|INTERRUPTED! total:number! done:number! failed:number! "
          "problem:text? projectId:text?"},
    Named{"Health", "status:text!"},
    Named{"SystemHealth",
          "cpu:boolean! ram:boolean! disk:boolean! database:boolean! appCpu:boolean! "
          "appRam:boolean! workerCpu:boolean? workerRam:boolean?"},
    Named{"WorkerGroups", "groups:objects! sharedSlots:number!"},
};

struct Answered {
    std::string_view method;
    std::string_view path;
    std::string_view status;
    std::string_view type;  // `*` at its end: a page of them; empty: no body
};

constexpr std::array kAnswers = {
    Answered{"POST", "authentication/sign-up", "200", "Session"},
    Answered{"POST", "authentication/sign-in", "200", "Session"},
    Answered{"POST", "authentication/switch-platform", "200", "Session"},
    Answered{"GET", "users/me", "200", "Me"},
    Answered{"POST", "users/me", "200", "Me"},
    Answered{"GET", "users", "200", "User*"},
    Answered{"POST", "users/:id", "200", "User"},
    Answered{"DELETE", "users/:id", "204", ""},
    Answered{"GET", "platforms/:id", "200", "Platform"},
    Answered{"POST", "platforms/:id", "200", "Platform"},
    Answered{"GET", "projects", "200", "Project*"},
    Answered{"POST", "projects", "201", "Project"},
    Answered{"GET", "projects/worker-groups", "200", "WorkerGroups"},
    Answered{"GET", "projects/:id", "200", "Project"},
    Answered{"POST", "projects/:id", "200", "Project"},
    Answered{"DELETE", "projects/:id", "204", ""},
    Answered{"GET", "project-members", "200", "ProjectMember*"},
    Answered{"GET", "project-members/role", "200", "ProjectRole"},
    Answered{"POST", "project-members/:id", "200", "ProjectMember"},
    Answered{"DELETE", "project-members/:id", "204", ""},
    Answered{"GET", "project-roles", "200", "ProjectRole*"},
    Answered{"POST", "project-roles", "201", "ProjectRole"},
    Answered{"GET", "project-roles/:id", "200", "ProjectRole"},
    Answered{"POST", "project-roles/:id", "200", "ProjectRole"},
    Answered{"DELETE", "project-roles/:name", "204", ""},
    Answered{"GET", "user-invitations", "200", "Invitation*"},
    Answered{"POST", "user-invitations", "201", "Invitation"},
    Answered{"POST", "user-invitations/accept", "200", "Accepted"},
    Answered{"DELETE", "user-invitations/:id", "204", ""},
    Answered{"GET", "alerts", "200", "Alert*"},
    Answered{"POST", "alerts", "200", "Alert"},
    Answered{"DELETE", "alerts/:id", "200", ""},
    Answered{"GET", "audit-events", "200", "AuditEvent*"},
    Answered{"GET", "flows", "200", "Flow*"},
    Answered{"POST", "flows", "201", "Flow"},
    Answered{"GET", "flows/count", "200", "number"},
    Answered{"GET", "flows/:id", "200", "Flow"},
    Answered{"POST", "flows/:id", "200", "Flow"},
    Answered{"DELETE", "flows/:id", "204", ""},
    Answered{"GET", "flows/:id/versions", "200", "FlowVersionMetadata*"},
    Answered{"GET", "flow-runs", "200", "FlowRun*"},
    Answered{"GET", "flow-runs/:id", "200", "FlowRun"},
    Answered{"POST", "flow-runs/:id/retry", "200", "FlowRun"},
    Answered{"POST", "waitpoints", "201", "Waitpoint"},
    Answered{"POST", "flow-runs/retry", "200", "FlowRun[]"},
    Answered{"POST", "flow-runs/cancel", "200", "object"},
    Answered{"POST", "flow-runs/archive", "200", "object"},
    Answered{"GET", "flow-runs/count-by-status", "200", "StatusCounts"},
    Answered{"GET", "folders", "200", "Folder*"},
    Answered{"POST", "folders", "200", "Folder"},
    Answered{"GET", "folders/:id", "200", "Folder"},
    Answered{"POST", "folders/:id", "200", "Folder"},
    Answered{"DELETE", "folders/:id", "204", ""},
    Answered{"GET", "app-connections", "200", "Connection*"},
    Answered{"POST", "app-connections", "201", "Connection"},
    Answered{"GET", "app-connections/:id", "200", "Connection"},
    Answered{"POST", "app-connections/:id", "200", "Connection"},
    Answered{"DELETE", "app-connections/:id", "204", ""},
    Answered{"GET", "app-connections/owners", "200", "Owner*"},
    Answered{"GET", "variables", "200", "Variable*"},
    Answered{"GET", "variables/owners", "200", "Owner*"},
    Answered{"POST", "variables", "201", "Variable"},
    Answered{"POST", "variables/:id", "200", "Variable"},
    Answered{"DELETE", "variables/:id", "204", ""},
    Answered{"POST", "variables/:id/reveal", "200", "Revealed"},
    Answered{"POST", "store-entries", "200", "StoreEntry"},
    Answered{"GET", "store-entries", "200", "StoreEntry"},
    Answered{"DELETE", "store-entries", "200", ""},
    Answered{"GET", "tables", "200", "Table*"},
    Answered{"POST", "tables", "200", "Table"},
    Answered{"GET", "tables/count", "200", "number"},
    Answered{"GET", "tables/:id", "200", "Table"},
    Answered{"POST", "tables/:id", "200", "Table"},
    Answered{"DELETE", "tables/:id", "204", ""},
    Answered{"GET", "tables/:id/export", "200", "TableExport"},
    Answered{"GET", "fields", "200", "Field[]"},
    Answered{"GET", "fields/:id", "200", "Field"},
    Answered{"GET", "records", "200", "Record*"},
    Answered{"POST", "records", "201", "Record[]"},
    Answered{"POST", "records/import", "200", "number"},
    Answered{"GET", "records/:id", "200", "Record"},
    Answered{"GET", "mcp-servers", "200", "McpServer*"},
    Answered{"POST", "mcp-servers", "200", "McpServer"},
    Answered{"GET", "mcp-servers/:id", "200", "McpServer"},
    Answered{"POST", "mcp-servers/:id", "200", "McpServer"},
    Answered{"POST", "mcp-servers/:id/rotate", "200", "McpServer"},
    Answered{"DELETE", "mcp-servers/:id", "204", ""},
    Answered{"GET", "projects/:projectId/mcp-server", "200", "ProjectMcpServer"},
    Answered{"GET", "api-keys", "200", "ApiKey*"},
    Answered{"POST", "api-keys", "201", "ApiKey"},
    Answered{"DELETE", "api-keys/:id", "200", ""},
    Answered{"GET", "oauth-apps", "200", "OAuthApp*"},
    Answered{"GET", "templates", "200", "Template*"},
    Answered{"POST", "templates", "201", "Template"},
    Answered{"GET", "templates/:id", "200", "Template"},
    Answered{"DELETE", "templates/:id", "204", ""},
    Answered{"GET", "tags", "200", "Tag*"},
    Answered{"POST", "tags", "201", "Tag"},
    Answered{"POST", "tags/pieces", "201", "object"},
    Answered{"DELETE", "tags/:id", "204", ""},
    Answered{"GET", "pieces/registry", "200", "PieceOfRegistry[]"},
    Answered{"POST", "pieces/sync", "200", ""},
    Answered{"DELETE", "pieces/:id", "204", ""},
    Answered{"GET", "jobs", "200", "Job*"},
    Answered{"POST", "jobs", "201", "Job"},
    Answered{"GET", "jobs/:id", "200", "Job"},
    Answered{"GET", "health", "200", "Health"},
    Answered{"GET", "health/system", "200", "SystemHealth"},
    Answered{"GET", "flags", "200", "object"},
};

struct Query {
    std::string_view path;  // of a GET
    std::string_view members;
};

// Lists may be repeated: `status=A&status=B`, or `status[]=A`.
constexpr std::array kQueries = {
    Query{"users", "externalId:text cursor:text limit:number"},
    Query{"projects",
          "displayName:text externalId:text externalUserId:text types:PERSONAL|TEAM[] cursor:text "
          "limit:number"},
    Query{"project-members", "projectId:text! projectRoleId:text cursor:text limit:number"},
    Query{"project-members/role", "projectId:text!"},
    Query{"user-invitations",
          "type:PROJECT|PLATFORM! projectId:text status:PENDING|ACCEPTED cursor:text limit:number"},
    Query{"alerts", "projectId:text! cursor:text limit:number"},
    Query{"audit-events",
          "action:texts projectId:texts userId:texts createdAfter:text createdBefore:text "
          "cursor:text limit:number"},
    Query{"flows",
          "projectId:text! folderId:text folderIds:texts status:ENABLED|DISABLED[] name:text "
          "versionState:DRAFT|LOCKED connectionExternalIds:texts externalIds:texts "
          "agentExternalIds:texts cursor:text limit:number"},
    Query{"flows/count", "projectId:text! folderId:text"},
    Query{"flows/:id", "versionId:text"},
    Query{"flows/:id/template", "versionId:text"},
    Query{"flows/:id/versions", "cursor:text limit:number"},
    Query{"flows/:id/schedule", "count:number"},
    Query{"flow-runs",
          "projectId:text! flowId:texts "
          "status:FAILED|QUOTA_EXCEEDED|INTERNAL_ERROR|PAUSED|QUEUED|RUNNING|SUCCEEDED|"
          "MEMORY_LIMIT_EXCEEDED|TIMEOUT|CANCELED|LOG_SIZE_EXCEEDED[] "
          "tags:texts flowRunIds:texts createdAfter:text createdBefore:text failedStepName:text "
          "failedStepMessage:text "
          "includeArchived:true|false cursor:text limit:number"},
    Query{"flow-runs/count-by-status", "projectId:text! createdAfter:text createdBefore:text"},
    Query{"folders", "projectId:text! cursor:text limit:number"},
    Query{"app-connections",
          "projectId:text! pieceName:texts displayName:text status:ACTIVE|MISSING|ERROR[] "
          "scope:PROJECT|PLATFORM cursor:text limit:number"},
    Query{"app-connections/owners", "projectId:text!"},
    Query{"variables/owners", "projectId:text!"},
    Query{"variables", "projectId:text! name:text cursor:text limit:number"},
    Query{"store-entries", "key:text!"},
    Query{"tables",
          "projectId:text! name:text folderId:text folderIds:texts externalIds:texts sortBy:NAME "
          "order:ASC|DESC cursor:text limit:number"},
    Query{"tables/count", "projectId:text! folderId:text"},
    Query{"fields", "tableId:text!"},
    Query{"records", "tableId:text! filters:lists cursor:text limit:number"},
    Query{"mcp-servers", "projectId:text! name:text cursor:text limit:number"},
    Query{"oauth-apps", "cursor:text limit:number"},
    Query{"templates",
          "type:OFFICIAL|SHARED|CUSTOM[] pieces:texts tags:texts category:text search:text "
          "cursor:text limit:number"},
    Query{"tags", "cursor:text limit:number"},
    Query{"jobs", "projectId:text cursor:text limit:number"},
    Query{"trigger-events", "projectId:text! flowId:text! cursor:text limit:number"},
    Query{"sample-data",
          "projectId:text! flowId:text! flowVersionId:text! stepName:text! type:INPUT|OUTPUT"},
    Query{"pieces",
          "searchQuery:text suggestionType:ACTION|TRIGGER|ACTION_AND_TRIGGER categories:texts "
          "release:text edition:ce|ee|cloud sortBy:NAME|UPDATED|CREATED|POPULARITY "
          "orderBy:ASC|DESC includeTags:true|false"},
    Query{"pieces/registry", "release:text! edition:ce|ee|cloud!"},
    Query{"human-input/form/:flowId", "useDraft:true|false"},
    Query{"human-input/chat/:flowId", "useDraft:true|false"},
};

Json page_of(std::string_view type) {
    const Json cursor = described_object("at:text?")["properties"]["at"];
    Json required = Json::array();
    for (const std::string_view name : {"data", "next", "previous"}) {
        required.append(Json::string(name));
    }
    return Json::object(
        {{"type", Json::string("object")},
         {"properties", Json::object({{"data", described_type(std::string(type) + "[]")},
                                      {"next", cursor},
                                      {"previous", cursor}})},
         {"required", required}});
}

}  // namespace

void add_query_parameters(std::string_view method, std::string_view path, Json& parameters) {
    for (const Query& query : kQueries) {
        if (method != "GET" || query.path != path) {
            continue;
        }
        for_each_split(query.members, ' ', [&parameters](std::string_view member) {
            const std::size_t colon = member.find(':');
            std::string_view type = member.substr(colon + 1);
            const bool required = type.ends_with('!');
            type.remove_suffix(required ? 1 : 0);
            parameters.append(Json::object({{"name", Json::string(member.substr(0, colon))},
                                            {"in", Json::string("query")},
                                            {"required", Json::boolean(required)},
                                            {"schema", described_type(type)}}));
        });
    }
}

namespace {

bool is_number(const std::string& text) {
    double value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    return error == std::errc() && stop == end;
}

bool is_word_of(std::string_view words, std::string_view wanted) {
    bool found = false;
    for_each_split(words, '|', [&](std::string_view word) { found = found || word == wanted; });
    return found;
}

// A truth is lenient in the contract: all but `true` is none.
Status check_value(std::string_view name, std::string_view type, const std::string& value) {
    if (type == "number" && !value.empty() && !is_number(value)) {
        return Error{"querystring/" + std::string(name) + " must be a number"};
    }
    const bool has_words = type.front() <= 'Z' || type.find('|') != std::string_view::npos;
    if (!has_words || type == "true|false" || is_word_of(type, value)) {
        return Done{};
    }
    std::string words;
    for_each_split(type, '|', [&words](std::string_view word) {
        words += (words.empty() ? "" : ", ") + std::string(word);
    });
    return Error{"querystring/" + std::string(name) + " must be one of " + words};
}

}  // namespace

Status check_query(std::string_view path, const FormPairs& given) {
    Status status = Done{};
    for (const Query& query : kQueries) {
        if (query.path != path) {
            continue;
        }
        for_each_split(query.members, ' ', [&](std::string_view member) {
            const std::size_t colon = member.find(':');
            const std::string_view name = member.substr(0, colon);
            std::string_view type = member.substr(colon + 1);
            type.remove_suffix(type.ends_with('!') ? 1 : 0);
            type.remove_suffix(type.ends_with("[]") ? 2 : 0);
            for (const std::string& value : form_values(given, name)) {
                status = status.ok() ? check_value(name, type, value) : status;
            }
        });
    }
    return status;
}

DescribedAnswer answer_schema(std::string_view method, std::string_view path) {
    for (const Answered& answer : kAnswers) {
        if (answer.method != method || answer.path != path) {
            continue;
        }
        std::string_view type = answer.type;
        if (type.ends_with('*')) {
            type.remove_suffix(1);
            return {answer.status, page_of(type)};
        }
        return {answer.status, type.empty() ? Json() : described_type(type)};
    }
    return {};
}

Json answer_types() {
    Json types = Json::object();
    for (const Named& type : kTypes) {
        types.set(type.name, described_object(type.members));
    }
    return types;
}

}  // namespace sallyport::engine
