// answers.cjs PACKAGES ANSWERS: holds what was noted of the API's answers (answer_log.hpp) against the contract's
// types. Every route of the table must have been answered once at least, so that nothing passes unseen.
'use strict';
const fs = require('fs');
const { createRequire } = require('module');
const path = require('path');

const [packages, folder] = process.argv.slice(2);
const load = createRequire(path.resolve(packages, 'package.json'));
const shared = load('@activepieces/shared');
const { z } = createRequire(load.resolve('@activepieces/shared'))('zod');
const { problems } = require('./types.cjs').from(shared, z);

// Method, path (`:` stands for an id, which is no word in small letters) and what a 2xx answer is.
const routes = `
POST authentication/sign-up                AuthenticationResponse
POST authentication/sign-in                AuthenticationResponse
GET users/me                               UserWithMetaInformation
POST users/me                              UpdateMeResponse
GET users                                  UserPage
GET platforms/:                            PlatformWithoutSensitiveData
POST platforms/:                           PlatformWithoutSensitiveData
GET projects                               ProjectPage
POST projects                              ProjectWithLimits
GET projects/:                             ProjectWithLimits
POST projects/:                            ProjectWithLimits
GET project-members                        MemberPage
GET project-members/role                   ProjectRole
GET project-roles                          RolePage
POST project-roles                         ProjectRole
GET project-roles/:                        ProjectRole
POST project-roles/:                       ProjectRole
GET user-invitations                       InvitationPage
GET alerts                                 AlertPage
POST alerts                                Alert
GET flows                                  FlowPage
POST flows                                 PopulatedFlow
GET flows/count                            Count
GET flows/:                                PopulatedFlow
POST flows/:                               PopulatedFlow
GET flows/:/versions                       FlowVersionMetadataPage
GET flows/:/template                       SharedTemplate
GET flow-runs                              FlowRunPage
GET flow-runs/:                            FlowRun
POST flow-runs/:/retry                     FlowRun
POST flow-runs/retry                       FlowRuns
GET flow-runs/count-by-status              CountFlowRunsByStatusResponse
POST waitpoints                            CreateWaitpointResponse
GET folders                                FolderPage
POST folders                               FolderDto
GET folders/:                              FolderDto
POST folders/:                             FolderDto
GET app-connections                        ConnectionPage
POST app-connections                       AppConnectionWithoutSensitiveData
GET app-connections/:                      AppConnectionWithoutSensitiveData
POST app-connections/:                     AppConnectionWithoutSensitiveData
GET app-connections/owners                 OwnerPage
GET variables                              VariablePage
POST variables                             VariableWithoutSensitiveData
POST variables/:                           VariableWithoutSensitiveData
POST variables/:/reveal                    RevealVariableResponse
POST store-entries                         StoreEntry
GET store-entries                          StoreEntry
GET tables                                 TablePage
POST tables                                Table
GET tables/:                               Table
POST tables/:                              Table
GET tables/count                           Count
GET tables/:/export                        ExportTableResponse
GET fields                                 Fields
POST fields                                Field
GET fields/:                               Field
GET records                                RecordPage
POST records                               Records
GET records/:                              PopulatedRecord
POST records/:                             PopulatedRecord
GET api-keys                               ApiKeyPage
POST api-keys                              ApiKeyResponseWithValue
GET oauth-apps                             OAuthAppPage
GET templates                              TemplatePage
POST templates                             Template
GET templates/:                            Template
POST templates/:                           Template
GET tags                                   TagPage
POST tags                                  Tag
GET trigger-events                         TriggerEventPage
GET health/system                          GetSystemHealthChecksResponse
GET human-input/form/:                     FormResponse
GET human-input/chat/:                     ChatUIResponse
`
    .trim()
    .split('\n')
    .map((line) => {
        const [method, where, type] = line.split(/ +/);
        return { method, parts: where.split('/'), type, where, seen: 0 };
    });

function routeOf(method, target) {
    const parts = target.split('?')[0].split('/').filter((part) => part !== '');
    if (parts[0] === 'api') {
        parts.shift();
    }
    if (parts.shift() !== 'v1') {
        return undefined;
    }
    return routes.find(
        (route) =>
            route.method === method &&
            route.parts.length === parts.length &&
            route.parts.every((part, i) => part === parts[i] || (part === ':' && !/^[a-z-]+$/.test(parts[i]))),
    );
}

// A refusal has a code, or is worded by the framework that the contract's own server stands on.
function refusalProblems(body) {
    if (body === 'Value not found!') {
        return []; // of a store without that entry, in the contract's own words
    }
    const worded = typeof body.message === 'string' && typeof body.statusCode === 'number';
    return typeof body.code === 'string' || worded ? [] : ['neither a code nor a status and a message'];
}

function fromJson(text) {
    try {
        return JSON.parse(text);
    } catch {
        return text;
    }
}

let count = 0;
const wrong = [];
for (const name of fs.readdirSync(folder)) {
    for (const line of fs.readFileSync(path.join(folder, name), 'utf8').split('\n')) {
        const answer = line === '' ? undefined : JSON.parse(line);
        const route = answer && routeOf(answer.method, answer.path);
        if (!route || answer.body === '') {
            continue;
        }
        count += 1;
        const body = fromJson(answer.body);
        const isRefusal = answer.status >= 300;
        route.seen += isRefusal ? 0 : 1;
        const found = isRefusal ? refusalProblems(body) : problems(route.type, body);
        if (found.length > 0) {
            const where = `${name}: ${answer.method} ${answer.path} ${answer.status}`;
            wrong.push(`${where}\n    ${found.slice(0, 4).join('\n    ')}\n    ${answer.body.slice(0, 400)}`);
        }
    }
}
const unseen = routes.filter((route) => route.seen === 0);
for (const one of wrong.slice(0, 40)) {
    console.log(one);
}
for (const route of unseen) {
    console.log(`no test was answered by ${route.method} ${route.where}: run all of the ring engine first`);
}
console.log(`${count} answers, ${wrong.length} not of their type; ${routes.length - unseen.length} of ${routes.length} routes`);
process.exit(wrong.length > 0 || unseen.length > 0 ? 1 : 0);
