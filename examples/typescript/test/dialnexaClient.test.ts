import assert from "node:assert/strict";
import { test } from "node:test";

import { type CallByAgent, type CallByVersion, DialNexaClient, DialNexaError, NoAnswerError } from "../src/dialnexaClient.js";

const REQUEST: CallByVersion = {
  from_number: "+14155550100",
  to_number: "+16505550199",
  agent_version_id: "av_1",
  variables: { customer_name: "Alex Rivera" },
};

type Step = Response | Error;

/** A server that answers with these steps, a client of it, and what both saw. Time passes only where one sleeps. */
function scene(...steps: Step[]) {
  const requests: Request[] = [];
  const signals: (AbortSignal | null | undefined)[] = [];
  const slept: number[] = [];
  let now = 0;
  const client = new DialNexaClient({
    apiKey: "sk_test_1",
    baseUrl: "http://dialnexa.test",
    random: () => 0,
    now: () => now,
    sleep: async (ms) => {
      slept.push(ms);
      now += ms;
    },
    fetch: async (input, init) => {
      requests.push(new Request(input, init));
      signals.push(init?.signal);
      const step = steps.shift();
      assert.ok(step, "the client asked once more than the story has answers");
      if (step instanceof Error) throw step;
      return step;
    },
  });
  return { client, requests, signals, slept };
}

const json = (body: object, status = 200, headers: Record<string, string> = {}) =>
  Response.json(body, { status, headers });
const refusal = (status: number, message: string | string[], headers: Record<string, string> = {}) =>
  json({ statusCode: status, message, error: "…" }, status, { "X-Request-Id": "req_1", ...headers });

test("places a call in the documented shape", async () => {
  const { client, requests } = scene(json({ call_id: "call_1", status: "queued" }, 201));
  const placed = await client.createCall(REQUEST);
  assert.equal(placed.call_id, "call_1");
  const [request] = requests;
  assert.equal(request?.url, "http://dialnexa.test/v1/calls");
  assert.equal(request.headers.get("Authorization"), "Bearer sk_test_1");
  assert.ok(request.headers.get("Idempotency-Key"));
  assert.deepEqual(await request.json(), REQUEST);
});

test("places a call by an agent, whose prompt the metadata fills", async () => {
  const { client, requests } = scene(json({ call_id: "call_1", status: "queued" }, 201));
  const order = { agent_id: "agent_1", to_phone_number: "+16505550199", metadata: { customer_name: "Alex Rivera" } };
  await client.createCall(order, { idempotencyKey: "order-17" });
  assert.deepEqual(await requests[0]?.json(), order);
  assert.equal(requests[0]?.headers.get("Idempotency-Key"), "order-17");
  // @ts-expect-error: a call needs somebody to call
  const nobody: CallByAgent = { agent_id: "agent_1" };
  assert.ok(nobody);
});

test("a wrong field name does not compile", () => {
  // @ts-expect-error: it is to_number in this shape
  const wrong: CallByVersion = { from_number: "+1", to_nummber: "+1", agent_version_id: "av_1" };
  assert.ok(wrong);
});

test("tries 502, 503, 504 and network errors again, under one idempotency key", async () => {
  for (const trouble of [502, 503, 504, new TypeError("fetch failed")]) {
    const step = trouble instanceof Error ? trouble : refusal(trouble, "not now");
    const { client, requests, slept } = scene(step, json({ call_id: "call_1" }, 201));
    await client.createCall(REQUEST);
    const keys = requests.map((request) => request.headers.get("Idempotency-Key"));
    assert.equal(keys.length, 2);
    assert.equal(keys[0], keys[1]);
    assert.deepEqual(slept, [500]);
  }
});

test("waits as long as a 503 asks, and longer with each try", async () => {
  const busy = () => refusal(503, "shutting down", { "Retry-After": "5" });
  const { client, slept } = scene(busy(), refusal(503, "still"), json({ data: [], meta: {} }));
  await client.listCalls();
  assert.deepEqual(slept, [5_000, 1_000]);
});

test("never tries a 4xx again, and keeps the server's sentences", async () => {
  for (const status of [400, 401, 403, 404, 409, 429]) {
    const { client, requests } = scene(refusal(status, ["to_number should not be empty", "agent_id is unknown"]));
    await assert.rejects(client.createCall(REQUEST), (error) => {
      assert.ok(error instanceof DialNexaError);
      assert.equal(error.status, status);
      assert.equal(error.messages.length, 2);
      assert.equal(error.requestId, "req_1");
      assert.match(error.message, /to_number should not be empty; agent_id is unknown/);
      return true;
    });
    assert.equal(requests.length, 1);
  }
});

test("gives up after the last try", async () => {
  const gone = () => new TypeError("fetch failed");
  const { client } = scene(gone(), gone(), gone());
  await assert.rejects(client.getCall("call_1"), NoAnswerError);
});

test("survives a proxy that answers in HTML", async () => {
  const { client } = scene(new Response("<html>", { status: 404, statusText: "Not Found" }));
  await assert.rejects(client.getCall("call_1"), { status: 404, message: "Not Found (404)" });
});

test("gives each try a timeout of its own", async () => {
  const { client, signals } = scene(new DOMException("timed out", "TimeoutError"), json({ id: "call_1", status: "busy" }));
  assert.equal((await client.getCall("call_1")).status, "busy");
  assert.ok(signals[0] instanceof AbortSignal && signals[1] instanceof AbortSignal);
  assert.notEqual(signals[0], signals[1]);
});

test("waits for the end of a call, asking ever less often", async () => {
  const steps = ["queued", "ringing", "in_progress", "completed"].map((status) => json({ id: "call_1", status }));
  const { client, slept } = scene(...steps);
  assert.equal((await client.waitForCall("call_1")).status, "completed");
  assert.deepEqual(slept, [1_000, 1_500, 2_250]);
});

test("stops waiting when told so", async () => {
  const ringing = () => json({ id: "call_1", status: "ringing" });
  const { client } = scene(ringing(), ringing(), ringing());
  await assert.rejects(client.waitForCall("call_1", { timeoutMs: 2_000 }), /still ringing/);
});

test("asks for what it was told to, safely spelled", async () => {
  const { client, requests } = scene(json({ data: [] }), json({ data: [] }));
  await client.listCalls({ status: "busy,no_answer", from: "+14155550100", limit: 50 });
  await client.timeline("a/../b", { after: 3 });
  assert.match(requests[0]?.url ?? "", /calls\?status=busy%2Cno_answer&from=%2B14155550100&limit=50$/);
  assert.match(requests[1]?.url ?? "", /calls\/a%2F..%2Fb\/timeline\?after=3$/);
  assert.throws(() => client.getCall(".."), TypeError);
});

test("says so when there is no key", () => {
  delete process.env["DIALNEXA_API_KEY"];
  assert.throws(() => new DialNexaClient(), /DIALNEXA_API_KEY/);
});
