/**
 * Places a call, waits for its end and prints the outcome.
 *
 *   DIALNEXA_API_KEY=sk_… AGENT_VERSION_ID=av_… npm run call -- +16505550199 customer_name=Alex
 */

import { DialNexaClient, DialNexaError } from "./dialnexaClient.js";

const [to = "+16505550199", ...pairs] = process.argv.slice(2);
const variables = Object.fromEntries(pairs.map((pair) => pair.split("=", 2)));
const versionId = process.env["AGENT_VERSION_ID"];
if (!versionId) throw new TypeError("Set AGENT_VERSION_ID to the published version that shall talk.");

try {
  const client = new DialNexaClient();
  const placed = await client.createCall({
    from_number: process.env["FROM_NUMBER"] ?? "+14155550100",
    to_number: to,
    agent_version_id: versionId,
    variables,
    metadata: { placed_by: "the TypeScript example" },
  });
  console.log(`${placed.call_id} ${placed.status}`);
  const call = await client.waitForCall(placed.call_id, { timeoutMs: 300_000 });
  console.log(`${call.call_id} ${call.status} (${call.end_reason})`);
  if (call.transcript) console.log(call.transcript);
} catch (error) {
  if (!(error instanceof DialNexaError)) throw error;
  console.error(`DialNexa says: ${error.message}`);
  process.exitCode = 1;
}
