import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";

import { InvalidSignatureError, verifyWebhook } from "../src/webhooks.js";

const SECRET = "whsec_test";
const BODY = JSON.stringify({ id: "evt_1", event: "call.completed", call_id: "call_1", payload: { call: {} } });
const SIGNED_AT = 1_780_000_000;
const hex = (message: string, secret = SECRET) => createHmac("sha256", secret).update(message).digest("hex");
const plain = `sha256=${hex(BODY)}`;
const stamped = `t=${SIGNED_AT},v1=${hex(`${SIGNED_AT}.${BODY}`)}`;
const now = () => SIGNED_AT + 10;

test("believes a fresh delivery, whichever form its headers have", () => {
  const headers = { "X-DialNexa-Signature": plain, "X-DialNexa-Signature-V2": stamped };
  assert.equal(verifyWebhook(BODY, headers, SECRET, { now }).id, "evt_1");
  assert.equal(verifyWebhook(Buffer.from(BODY), new Headers(headers), SECRET, { now }).event, "call.completed");
});

test("believes a plain signature under both names only when told to", () => {
  for (const name of ["X-DialNexa-Signature", "x-nexa-signature"]) {
    assert.throws(() => verifyWebhook(BODY, { [name]: plain }, SECRET), InvalidSignatureError);
    for (const value of [plain, hex(BODY)]) {
      assert.equal(verifyWebhook(BODY, { [name]: value }, SECRET, { requireTimestamp: false }).id, "evt_1");
    }
  }
});

test("believes either secret while one replaces the other", () => {
  const both = `t=${SIGNED_AT},v1=${hex(`${SIGNED_AT}.${BODY}`, "old")},v1=${hex(`${SIGNED_AT}.${BODY}`)}`;
  assert.equal(verifyWebhook(BODY, { "x-dialnexa-signature-v2": both }, SECRET, { now }).id, "evt_1");
});

test("refuses everything else", () => {
  const v2 = (value: string) => ({ "x-dialnexa-signature-v2": value });
  const cases: [string, Record<string, string>, string, () => number][] = [
    ["altered", v2(stamped), `${BODY} `, now],
    ["another secret", v2(`t=${SIGNED_AT},v1=${hex(`${SIGNED_AT}.${BODY}`, "other")}`), BODY, now],
    ["another time", v2(stamped.replace(String(SIGNED_AT), String(SIGNED_AT + 9))), BODY, now],
    ["too old", v2(stamped), BODY, () => SIGNED_AT + 301],
    ["from the future", v2(stamped), BODY, () => SIGNED_AT - 301],
    ["garbage", v2("garbage"), BODY, now],
    ["empty", v2(""), BODY, now],
    ["a bad V2 beside a good plain one", { ...v2("t=1,v1="), "x-dialnexa-signature": plain }, BODY, now],
    ["unsigned", {}, BODY, now],
  ];
  for (const [what, headers, body, at] of cases) {
    for (const requireTimestamp of [true, what === "unsigned" ? false : true]) {
      assert.throws(
        () => verifyWebhook(body, headers, SECRET, { now: at, requireTimestamp }),
        InvalidSignatureError,
        what,
      );
    }
  }
  assert.throws(() => verifyWebhook(BODY, { "x-dialnexa-signature": plain }, ""), InvalidSignatureError);
});
