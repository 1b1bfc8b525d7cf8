/**
 * A thin typed client of the DialNexa API: one place for the address, the key, timeouts, retries and errors.
 *
 * Copy this file and openapi.ts into your code base and import them from every route handler and worker. It needs nothing
 * but `fetch`, so it runs on Node.js 20 and on edge runtimes alike. The key must stay on the server.
 */

import type { components, operations } from "./openapi.js";

type Schemas = components["schemas"];
type Known<T> = { [Key in keyof T as string extends Key ? never : Key]: T[Key] };
type Needs<T, Key extends keyof T> = Omit<T, Key> & { [K in Key]-?: NonNullable<T[K]> };
type CallFields = Known<Schemas["CallIn"]>;

/** A call by a published version; `variables` fill the prompt, `metadata` stays on the record. */
export type CallByVersion = Needs<
  Omit<CallFields, "to_phone_number" | "phone_number" | "from_phone_number" | "agent_id" | "agent_version_number">,
  "to_number" | "from_number" | "agent_version_id"
>;
/** A call by an agent, whose live version talks; without `variables`, `metadata` fills the prompt. */
export type CallByAgent = Needs<
  Omit<CallFields, "to_number" | "phone_number" | "from_number" | "agent_version_id">,
  "to_phone_number" | "agent_id"
>;
export type CreateCallRequest = CallByVersion | CallByAgent;
export type CreateCallResponse = Schemas["CallCreated"];
export type Call = Schemas["CallOut"];
export type CallPage = Schemas["Listing_CallOut_"];
export type Timeline = Schemas["TimelineOut"];
export type ListCallsQuery = NonNullable<operations["list_calls_v1_calls_get"]["parameters"]["query"]>;

export interface ClientOptions {
  /** Default: the environment variable `DIALNEXA_API_KEY`. */
  apiKey?: string;
  /** With or without `/v1` at its end. Default: `DIALNEXA_BASE_URL`, or where `make up` serves the API. */
  baseUrl?: string;
  /** For one try, in ms. Default: 30 000. */
  timeoutMs?: number;
  /** Further tries after a network error, 502, 503 or 504. Default: 2. */
  maxRetries?: number;
  fetch?: typeof fetch;
  /** Time and chance, for tests. */
  sleep?: (ms: number) => Promise<void>;
  now?: () => number;
  random?: () => number;
}

/** The server refused: its status and its own sentences. */
export class DialNexaError extends Error {
  override readonly name = "DialNexaError";

  constructor(
    readonly status: number,
    /** One sentence, or one for each bad field. */
    readonly messages: readonly string[],
    /** A stable word for programs, where there is one. */
    readonly code: string | undefined,
    /** Names the request in the server's logs. */
    readonly requestId: string | undefined,
  ) {
    super(`${messages.join("; ")} (${status})`);
  }
}

/** No answer arrived, or none in time; `cause` tells the detail. A write may or may not have been carried out. */
export class NoAnswerError extends Error {
  override readonly name = "NoAnswerError";
}

const DEFAULT_BASE_URL = "http://127.0.0.1:8080/v1";
const TRANSIENT = new Set([502, 503, 504]);
const FINAL = new Set(["completed", "failed", "no_answer", "busy", "voicemail", "cancelled"]);
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8_000;
const LONGEST_POLL_MS = 5_000;

export class DialNexaClient {
  readonly #apiKey: string;
  readonly #baseUrl: string;
  readonly #timeoutMs: number;
  readonly #maxRetries: number;
  readonly #fetch: typeof fetch;
  readonly #sleep: (ms: number) => Promise<void>;
  readonly #now: () => number;
  readonly #random: () => number;

  constructor(options: ClientOptions = {}) {
    const environment = globalThis.process?.env ?? {};
    const apiKey = options.apiKey ?? environment["DIALNEXA_API_KEY"];
    if (!apiKey) throw new TypeError("There is no API key: pass apiKey or set DIALNEXA_API_KEY.");
    this.#apiKey = apiKey;
    const baseUrl = (options.baseUrl ?? environment["DIALNEXA_BASE_URL"] ?? DEFAULT_BASE_URL).replace(/\/+$/, "");
    this.#baseUrl = baseUrl.endsWith("/v1") ? baseUrl : `${baseUrl}/v1`;
    this.#timeoutMs = options.timeoutMs ?? 30_000;
    this.#maxRetries = options.maxRetries ?? 2;
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
    this.#sleep = options.sleep ?? ((ms) => new Promise((done) => setTimeout(done, ms)));
    this.#now = options.now ?? (() => performance.now());
    this.#random = options.random ?? Math.random;
  }

  /** Queue an outbound call and return at once; `waitForCall` gives its outcome. */
  createCall(request: CreateCallRequest, options: { idempotencyKey?: string } = {}): Promise<CreateCallResponse> {
    return this.#request("POST", "/calls", { body: request, ...options });
  }

  /** Return a call as it is now. */
  getCall(callId: string): Promise<Call> {
    return this.#request("GET", `/calls/${part(callId)}`);
  }

  /** List one page of calls, newest first. */
  listCalls(query: ListCallsQuery = {}): Promise<CallPage> {
    return this.#request("GET", "/calls", { query });
  }

  /** End a call: a queued one at once, a live one within a second. */
  hangUp(callId: string): Promise<Call> {
    return this.#request("POST", `/calls/${part(callId)}/hangup`);
  }

  /** Return what happened after line `after`; with `wait` (at most 25 s) the server holds the answer for news. */
  timeline(callId: string, query: { after?: number; wait?: number } = {}): Promise<Timeline> {
    return this.#request("GET", `/calls/${part(callId)}/timeline`, { query });
  }

  /** Return the call once it has ended. Asks after a second, then ever less often, up to every five. */
  async waitForCall(callId: string, options: { timeoutMs?: number } = {}): Promise<Call> {
    const giveUp = this.#now() + (options.timeoutMs ?? Infinity);
    for (let pause = 1_000; ; pause = Math.min(pause * 1.5, LONGEST_POLL_MS)) {
      const call = await this.getCall(callId);
      if (FINAL.has(call.status)) return call;
      const left = giveUp - this.#now();
      if (left <= 0) throw new NoAnswerError(`Call ${callId} is still ${call.status}.`);
      await this.#sleep(Math.min(pause, left));
    }
  }

  /** Send one request until there is an answer: network errors, 502, 503 and 504 are tried again, 4xx never. */
  async #request<Answer>(
    method: "GET" | "POST",
    path: string,
    { query, body, idempotencyKey }: { query?: object; body?: object; idempotencyKey?: string } = {},
  ): Promise<Answer> {
    const headers: Record<string, string> = { Authorization: `Bearer ${this.#apiKey}`, Accept: "application/json" };
    if (body) headers["Content-Type"] = "application/json";
    // The same key on every try: the server carries a write out once, however often it arrives.
    if (method !== "GET") headers["Idempotency-Key"] = idempotencyKey ?? crypto.randomUUID();
    const init: RequestInit = { method, headers, redirect: "error", ...(body && { body: JSON.stringify(body) }) };
    const url = `${this.#baseUrl}${path}${search(query)}`;

    for (let tries = 1; ; tries++) {
      const last = tries > this.#maxRetries;
      let answer: Response;
      let text: string;
      try {
        answer = await this.#fetch(url, { ...init, signal: AbortSignal.timeout(this.#timeoutMs) });
        text = await answer.text();
      } catch (cause) {
        if (last) throw new NoAnswerError(`${method} ${path}: no answer`, { cause });
        await this.#sleep(this.#pause(tries));
        continue;
      }
      if (answer.ok) return JSON.parse(text) as Answer;
      if (last || !TRANSIENT.has(answer.status)) throw errorOf(answer, text);
      await this.#sleep(this.#pause(tries, answer.headers.get("Retry-After")));
    }
  }

  /** Doubles with each try and varies, so that many clients do not return at once; never shorter than Retry-After. */
  #pause(tries: number, retryAfter: string | null = null): number {
    const backoff = Math.min(FIRST_PAUSE_MS * 2 ** (tries - 1), LONGEST_PAUSE_MS) * (1 - this.#random() / 2);
    const told = Number(retryAfter ?? 0) * 1_000;
    return Math.max(backoff, Number.isFinite(told) ? Math.min(told, LONGEST_POLL_MS * 12) : 0);
  }
}

function errorOf(answer: Response, text: string): DialNexaError {
  let said: Partial<Schemas["Error"]> = {};
  try {
    said = JSON.parse(text) as Partial<Schemas["Error"]>;
  } catch {
    // A proxy in between answers in its own words; the status says enough.
  }
  const messages = [said?.message ?? answer.statusText].flat();
  return new DialNexaError(answer.status, messages, said?.code, answer.headers.get("X-Request-Id") ?? undefined);
}

/** Return an id as one part of a path; refuse one that would lead elsewhere. */
function part(id: string): string {
  if (id === "" || id === "." || id === "..") throw new TypeError(`${JSON.stringify(id)} is not an id.`);
  return encodeURIComponent(id);
}

function search(query: object = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  const text = new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)])).toString();
  return text && `?${text}`;
}
