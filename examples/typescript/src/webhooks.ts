/** Webhook deliveries: are they from our DialNexa, are they fresh, and what do they say? */

import { createHmac, timingSafeEqual } from "node:crypto";

export interface WebhookEvent {
  /** Stays the same when a delivery is repeated: use it to handle each event once. */
  id: string;
  /** Such as `call.completed`. */
  event: string;
  call_id?: string | null;
  status?: string | null;
  payload: Record<string, unknown>;
  [field: string]: unknown;
}

export interface VerifyOptions {
  /** How far a delivery's time may be from ours, in seconds. Default: 300. */
  toleranceSeconds?: number;
  /** `false` accepts senders that have only the plain signature, which an old delivery played back has as well. */
  requireTimestamp?: boolean;
  /** Unix seconds, for tests. */
  now?: () => number;
}

/** A delivery that cannot be trusted: not signed with this secret, altered, or too old. */
export class InvalidSignatureError extends Error {
  override readonly name = "InvalidSignatureError";
}

/**
 * Return the event of a delivery that was signed with `secret`; throw `InvalidSignatureError` for any other.
 *
 * `body` is the raw body exactly as it arrived: parsed and written again it would not match.
 */
export function verifyWebhook(
  body: string | Uint8Array,
  headers: Headers | Record<string, string | string[] | undefined>,
  secret: string,
  { toleranceSeconds = 300, requireTimestamp = true, now = () => Date.now() / 1000 }: VerifyOptions = {},
): WebhookEvent {
  if (!secret) throw new InvalidSignatureError("There is no secret to check the delivery with.");
  const known = lowerCase(headers);
  const raw = Buffer.from(body as string);
  const timestamped = known.get("x-dialnexa-signature-v2");
  if (timestamped !== undefined) {
    checkTimestamped(timestamped, raw, secret, now(), toleranceSeconds);
  } else if (requireTimestamp) {
    throw new InvalidSignatureError("The delivery has no X-DialNexa-Signature-V2; it may be an old one played back.");
  } else {
    checkPlain([known.get("x-dialnexa-signature"), known.get("x-nexa-signature")], raw, secret);
  }
  return JSON.parse(raw.toString("utf8")) as WebhookEvent;
}

function checkTimestamped(header: string, raw: Buffer, secret: string, now: number, tolerance: number): void {
  const pairs = header.split(",").map((pair) => pair.trim().split("=") as [string, string?]);
  const stamp = pairs.find(([name]) => name === "t")?.[1] ?? "";
  if (!/^\d+$/.test(stamp)) throw new InvalidSignatureError("X-DialNexa-Signature-V2 has no time.");
  // There may be several v1: while a secret is being rotated, one for each.
  const given = pairs.filter(([name]) => name === "v1").map(([, value]) => value ?? "");
  if (!given.some((one) => matches(one, Buffer.concat([Buffer.from(`${stamp}.`), raw]), secret))) throw mismatch();
  const age = now - Number(stamp);
  if (Math.abs(age) > tolerance) {
    throw new InvalidSignatureError(`Signed ${Math.round(age)} s ago; at most ${tolerance} s are accepted.`);
  }
}

function checkPlain(signatures: (string | undefined)[], raw: Buffer, secret: string): void {
  const given = signatures.filter((one) => one !== undefined);
  if (given.length === 0) throw new InvalidSignatureError("The delivery is not signed.");
  if (!given.every((one) => matches(one.trim().replace(/^sha256=/, ""), raw, secret))) throw mismatch();
}

function matches(given: string, message: Buffer, secret: string): boolean {
  const expected = Buffer.from(createHmac("sha256", secret).update(message).digest("hex"));
  const received = Buffer.from(given.toLowerCase());
  return received.length === expected.length && timingSafeEqual(received, expected);
}

function mismatch(): InvalidSignatureError {
  return new InvalidSignatureError("The signature does not match: another secret, or the body was altered on its way.");
}

function lowerCase(headers: Headers | Record<string, string | string[] | undefined>): Map<string, string> {
  const pairs: [string, string | string[] | undefined][] =
    headers instanceof Headers ? [...headers.entries()] : Object.entries(headers);
  const known = new Map<string, string>();
  for (const [name, value] of pairs) {
    const first = Array.isArray(value) ? value[0] : value;
    if (first !== undefined) known.set(name.toLowerCase(), first);
  }
  return known;
}
