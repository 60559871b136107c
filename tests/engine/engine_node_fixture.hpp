// An engine with tier node, and a piece that npm would bring.
#pragma once

#include "tests/engine/engine_process.hpp"
#include "tests/engine/user_namespaces.hpp"
#include "tests/integration/fixtures/upstream.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::test {

// A piece as the framework builds them, with what published pieces do at one's leisure.
inline constexpr std::string_view kPiece = R"js(
class Piece {
  constructor() {
    this.props = {};
    this.auth = [
      { type: 'SECRET_TEXT', validate: async ({ auth }) => {
        if (auth === 'throws') { throw new Error('the service is away'); }
        if (auth.startsWith('http')) { auth = await (await fetch(auth)).text(); }
        return auth === 's3cret' ? { valid: true } : { valid: false, error: `no good` };
      } },
      { type: 'CUSTOM_AUTH', validate: async ({ auth }) => ({ valid: auth.key === 'good', error: 'wrong key' }) },
      { type: 'BASIC_AUTH' },
    ];
    const text = { type: 'SHORT_TEXT', displayName: 'Text', required: false };
    const actions = {
      ask: { name: 'ask', displayName: 'Ask', props: { text }, run: async (ctx) => {
        if (ctx.executionType === 'RESUME') {
          return { asked: ctx.propsValue.text, said: ctx.resumePayload.queryParams.word };
        }
        const point = await ctx.run.createWaitpoint({ type: 'WEBHOOK' });
        ctx.run.waitForWaitpoint(point.id);
        return { url: point.buildResumeUrl({ queryParams: { word: 'yes' } }) };
      } },
      rest: { name: 'rest', displayName: 'Rest', props: {}, run: async (ctx) => {
        if (ctx.executionType === 'RESUME') { return 'rested'; }
        ctx.run.pause({ pauseMetadata: { type: 'DELAY', resumeDateTime: new Date(Date.now() + 50).toISOString() } });
      } },
      // Asks for its waitpoint as any client would, and tells `text` about it before it waits.
      mint: { name: 'mint', displayName: 'Mint', props: { text }, run: async (ctx) => {
        if (ctx.executionType === 'RESUME') { return { said: ctx.resumePayload.body }; }
        const headers = { authorization: `Bearer ${ctx.server.token}`, 'content-type': 'application/json' };
        const wanted = { flowRunId: ctx.run.id, projectId: ctx.project.id, stepName: ctx.step.name, type: 'WEBHOOK', version: 'V1' };
        const answers = [];
        for (const other of [{}, {}, { stepName: 'step_9' }, { flowRunId: 'r' }, { projectId: 'p' }, { type: 'BARRIER' }, { type: 'DELAY' },
          { type: 'DELAY', resumeDateTime: '2100-01-01T00:00:00.000Z' }, { version: 'V2' }, { resumeDateTime: 'soon' }, { flowRunId: 7 }]) {
          const answer = await fetch(`${ctx.server.apiUrl}v1/waitpoints`, { method: 'POST', headers, body: JSON.stringify({ ...wanted, ...other }) });
          answers.push({ status: answer.status, ...(await answer.json()) });
        }
        if (ctx.propsValue.text) {
          await fetch(ctx.propsValue.text, { method: 'POST', headers: { 'x-run': ctx.run.id }, body: JSON.stringify(answers[0]) });
        }
        ctx.run.waitForWaitpoint(answers[0].id);
        return { answers };
      } },
      late: { name: 'late', displayName: 'Late', props: {}, run: async (ctx) => {
        await ctx.run.createWaitpoint({ type: 'DELAY', resumeDateTime: '2100-01-01T00:00:00.000Z' });
      } },
      // Two texts, answered meanwhile.
      nap: { name: 'nap', displayName: 'Nap', props: {}, run: async (ctx) => {
        if (ctx.executionType === 'RESUME') { return 'awake'; }
        const point = await ctx.run.createWaitpoint({ type: 'DELAY', resumeDateTime: new Date(Date.now() + 50).toISOString(),
          responseToSend: { status: 203, headers: { 'x-nap': 'yes' }, body: { later: true } } });
        ctx.run.waitForWaitpoint(point.id);
      } },
      answer: { name: 'answer', displayName: 'Answer', props: {}, run: async (ctx) => {
        ctx.run.stop({ response: { status: 299, headers: { 'x-piece': 'yes' }, body: { run: ctx.run.id } } });
      } },
      count: { name: 'count', displayName: 'Count', props: {}, run: async (ctx) => {
        const n = ((await ctx.store.get('n')) || 0) + 1;
        await ctx.store.put('n', n);
        await ctx.tags.add({ name: 'counted' });
        return n;
      } },
      know: { name: 'know', displayName: 'Know', props: {}, run: async (ctx) => ({
        auth: ctx.auth, other: await ctx.connections.get('secret-1'), none: await ctx.connections.get('nobody'),
        project: ctx.project.id, flow: ctx.flows.current.id, listed: (await ctx.flows.list()).data.length,
        file: await ctx.files.write({ fileName: 'a.txt', data: Buffer.from('hi') }) }) },
      call: { name: 'call', displayName: 'Call', props: { text }, run: async (ctx) => {
        const answer = await fetch(ctx.propsValue.text, { method: 'POST', body: 'x' });
        return { status: answer.status, body: await answer.text() };
      } },
    };
    const triggers = {
      hook: { name: 'hook', displayName: 'Hook', type: 'WEBHOOK', props: {}, sampleData: {},
        onEnable: async (ctx) => { await ctx.store.put('url', ctx.webhookUrl); },
        onDisable: async (ctx) => { await ctx.store.delete('url'); },
        run: async (ctx) => ctx.payload.body.items },
      tell: { name: 'tell', displayName: 'Tell', type: 'WEBHOOK', props: { text }, sampleData: {},
        onEnable: async (ctx) => { await fetch(ctx.propsValue.text, { method: 'POST', body: 'on' }); },
        onDisable: async (ctx) => { await fetch(ctx.propsValue.text, { method: 'POST', body: 'off' }); },
        run: async (ctx) => ctx.payload.body.items },
      refuse: { name: 'refuse', displayName: 'Refuse', type: 'WEBHOOK', props: {}, sampleData: {},
        onEnable: async () => { throw new Error('the service says no'); }, run: async () => [] },
      shake: { name: 'shake', displayName: 'Shake', type: 'WEBHOOK', props: {}, sampleData: {},
        handshakeConfiguration: { strategy: 'QUERY_PRESENT', paramName: 'challenge' },
        onHandshake: async (ctx) => ({ status: 201, headers: { 'x-shaken': 'yes' },
          body: { challenge: ctx.payload.queryParams.challenge } }),
        onEnable: async () => {}, onDisable: async () => {}, run: async (ctx) => ctx.payload.body.items },
      app: { name: 'app', displayName: 'App', type: 'APP_WEBHOOK', props: { text }, sampleData: {},
        onEnable: async (ctx) => ctx.app.createListeners({ events: ['made', 'gone'], identifierValue: ctx.propsValue.text }),
        onDisable: async () => {}, run: async (ctx) => {
          if (ctx.payload.body.fail) { throw new Error('no good'); }
          return [ctx.payload.body];
        } },
      renew: { name: 'renew', displayName: 'Renew', type: 'WEBHOOK', props: {}, sampleData: {},
        renewConfiguration: { strategy: 'CRON', cronExpression: '* * * * * *' },
        onEnable: async (ctx) => { await ctx.store.put('renewed', 0); }, onDisable: async () => {},
        onRenew: async (ctx) => { await ctx.store.put('renewed', (await ctx.store.get('renewed')) + 1); },
        run: async (ctx) => [{ renewed: await ctx.store.get('renewed') }] },
      loud: { name: 'loud', displayName: 'Loud', type: 'WEBHOOK', props: {}, sampleData: {},
        onEnable: async () => {}, onDisable: async () => { throw new Error('left with the flow'); },
        run: async () => [] },
      poll: { name: 'poll', displayName: 'Poll', type: 'POLLING', props: {}, sampleData: {},
        onEnable: async (ctx) => ctx.setSchedule({ cronExpression: '* * * * * *' }),
        run: async (ctx) => {
          const seen = (await ctx.store.get('seen')) || 0;
          await ctx.store.put('seen', seen + 1);
          return seen < 2 ? [{ _dedupe_key: 'same', seen }] : [];
        } },
    };
    this.events = {
      parseAndReply: ({ payload: { body } }) =>
        body.ask ? { reply: { headers: { 'x-asked': 'yes' }, body: body.ask } } : { event: body.event, identifierValue: body.team },
      verify: ({ payload, webhookSecret, appWebhookUrl }) =>
        payload.headers['x-signature'] === webhookSecret && appWebhookUrl.endsWith('/api/v1/app-events/acme'),
    };
    this._actions = actions;
    this._triggers = triggers;
  }
  getContextInfo() { return { version: '2' }; }
  metadata() { return { displayName: 'Acme', description: 'Tests', actions: this._actions, triggers: this._triggers, auth: this.auth }; }
  getAction(name) { return this._actions[name]; }
  getTrigger(name) { return this._triggers[name]; }
}
exports.acme = new Piece();
)js";

// Stands in for npm: packages come from the test, not from a registry.
inline constexpr std::string_view kNpm = R"sh(#!/bin/sh
case "$(cat package.json)" in
*left-pad*) echo 'npm error code E404' >&2; exit 1 ;;
esac
mkdir -p node_modules/@acme && cp -r "$HOME/piece-acme" node_modules/@acme/
mkdir -p node_modules/tiny && echo '{"name":"tiny","version":"1.0.0","main":"i.js"}' >node_modules/tiny/package.json
echo 'exports.twice = (x) => 2 * x' >node_modules/tiny/i.js
)sh";

class EngineNode : public ::testing::Test {
  protected:
    EngineNode() {
        const std::string folder = files_.path("acme/piece-acme");
        std::filesystem::create_directories(folder);
        std::ofstream(folder + "/package.json")
            << R"({"name":"@acme/piece-acme","version":"1.2.3","main":"index.js"})";
        std::ofstream(folder + "/index.js") << kPiece;
        files_.write("npm", kNpm, 0755);
    }

    void SetUp() override {
        if (!host_has_user_namespaces()) {
            GTEST_SKIP() << "this host gives no user namespaces";
        }
    }

    std::vector<std::string> environment(const std::string& mode) {
        return {"AP_EXECUTION_MODE=" + mode,
                "SALLYPORT_NPM=" + files_.path("npm"),
                "npm_config_x=1",
                "HOME=" + files_.path("acme"),
                "SALLYPORT_EGRESS_ALLOW=" + world_.address(),
                "SALLYPORT_NODE=" + node(),
                "PLANTED=canary"};
    }
    static std::string node() {
        std::ifstream file(std::string(SALLYPORT_PIECES) + "/node");
        std::string line;
        std::getline(file, line);
        return line;
    }
    static std::string piece_step(std::string_view name, std::string_view action,
                                  std::string_view input = "{}") {
        return R"({"type":"PIECE","displayName":"Acme","valid":true,"name":")" + std::string(name) +
               R"(","settings":{"pieceName":"@acme/piece-acme","pieceVersion":"~1.2.3","actionName":")" +
               std::string(action) + R"(","propertySettings":{},"input":)" + std::string(input) +
               R"(,"errorHandlingOptions":{}}})";
    }
    static std::string trigger(std::string_view name, std::string_view input = "{}") {
        return R"({"type":"PIECE_TRIGGER","name":"trigger","displayName":"Acme","valid":true,"settings":{"pieceName":"@acme/piece-acme","pieceVersion":"1.2.3","triggerName":")" +
               std::string(name) + R"(","input":)" + std::string(input) +
               R"(,"propertySettings":{}}})";
    }
    // A flow that is switched on by LOCK_AND_PUBLISH; its answer.
    static ApiAnswer publish(ApiUser& user, const std::string& trigger, std::string& id) {
        const ApiAnswer made = user.post(
            "/api/v1/flows", R"({"displayName":"Flow","projectId":")" + user.project() + "\"}");
        id = made.body["id"].text();
        EXPECT_EQ(user.operate(id, "UPDATE_TRIGGER", trigger).status, 200);
        return user.operate(id, "LOCK_AND_PUBLISH", R"({"status":"ENABLED"})");
    }
    static std::size_t runs_of(ApiUser& user, const std::string& flow) {
        return user
            .get("/api/v1/flow-runs?limit=50&projectId=" + user.project() + "&flowId=" + flow)
            .body["data"]
            .size();
    }

    TempDir files_{"node-tier"};
    Upstream world_;
};

}  // namespace sallyport::test
