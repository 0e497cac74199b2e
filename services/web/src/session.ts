// Who is signed in: the access token, which lasts for minutes, and its renewal.

export interface User {
  id: string;
  name: string;
  email: string;
  role: 'customer' | 'operator';
}

interface AccessToken {
  access_token: string;
  expires_in: number; // seconds
}

export interface SignedIn extends AccessToken {
  user: User;
}

/** What the API says is wrong: in words, and as a code that the page has words for. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, detail: string) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

/** Nobody answered: the line is cut, or the API is away. Whether it was done, nobody knows. */
export class Away extends Error {}

const JSON_BODY = { 'Content-Type': 'application/json' };
/** When of a token's life it is renewed: early enough for a few tries. */
const EARLY = 0.6;
const SOON = 20; // seconds

export class Session {
  readonly user: User;
  readonly api: string;
  /** Called once, when the session is over: it was revoked, or the machine slept for too long. */
  onEnd: () => void = () => {};
  #token: string;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #renewing: Promise<boolean> | undefined;

  constructor(signedIn: SignedIn, api = '') {
    this.user = signedIn.user;
    this.api = api;
    this.#token = signedIn.access_token;
    this.#renewIn(signedIn.expires_in * EARLY);
  }

  static async signIn(email: string, password: string, api = ''): Promise<Session> {
    const body = JSON.stringify({ email, password });
    const answer = await ask(`${api}/sessions`, { method: 'POST', headers: JSON_BODY, body });
    return new Session(await read<SignedIn>(answer), api);
  }

  get headers(): Record<string, string> {
    return { Authorization: `Bearer ${this.#token}` };
  }

  async get<Answer>(path: string): Promise<Answer> {
    return read<Answer>(await this.#fetch(path, {}));
  }

  /** What is needed to go on with it after the page was loaded again. */
  toJSON(): SignedIn {
    return { user: this.user, access_token: this.#token, expires_in: SOON };
  }

  /** Post something. The key stays the same if the token has to be renewed in between: it is placed once. */
  async post<Answer>(path: string, body?: unknown, key = randomKey()): Promise<Answer> {
    return (await this.postWithKey<Answer>(path, body, key)).answer;
  }

  /** As `post`; says, too, whether this is the answer to an earlier request with the same key. */
  async postWithKey<Answer>(path: string, body: unknown, key: string): Promise<{ answer: Answer; replayed: boolean }> {
    const headers = { ...JSON_BODY, 'Idempotency-Key': key };
    const request = { method: 'POST', headers, body: JSON.stringify(body) ?? null };
    const response = await this.#fetch(path, request);
    return { answer: await read<Answer>(response), replayed: response.headers.get('Idempotent-Replayed') === 'true' };
  }

  async put<Answer>(path: string, body: unknown): Promise<Answer> {
    return read<Answer>(await this.#fetch(path, { method: 'PUT', headers: JSON_BODY, body: JSON.stringify(body) }));
  }

  async delete<Answer = null>(path: string): Promise<Answer> {
    return read<Answer>(await this.#fetch(path, { method: 'DELETE' }));
  }

  async signOut(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#send('/sessions/current', { method: 'DELETE' });
  }

  /** Get a fresh token; many may ask at once. False: the session is over. It throws when the API is away. */
  renew(): Promise<boolean> {
    this.#renewing ??= this.#renew().finally(() => (this.#renewing = undefined));
    return this.#renewing;
  }

  async #renew(): Promise<boolean> {
    this.#renewIn(SOON); // in case that the API is away
    const answer = await this.#send('/sessions/current/renewal', { method: 'POST' });
    if (answer.status === 401) {
      clearTimeout(this.#timer);
      this.onEnd();
      this.onEnd = () => {};
      return false;
    }
    const fresh = await read<AccessToken>(answer);
    this.#token = fresh.access_token;
    this.#renewIn(fresh.expires_in * EARLY);
    return true;
  }

  #renewIn(seconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.renew().catch(() => undefined), seconds * 1000);
  }

  async #fetch(path: string, request: RequestInit): Promise<Response> {
    const answer = await this.#send(path, request);
    return answer.status === 401 && (await this.renew()) ? this.#send(path, request) : answer;
  }

  #send(path: string, request: RequestInit): Promise<Response> {
    return ask(this.api + path, { ...request, headers: { ...request.headers, ...this.headers } });
  }
}

async function ask(url: string, request: RequestInit): Promise<Response> {
  try {
    return await fetch(url, request);
  } catch (error) {
    throw new Away(String(error));
  }
}

/** Return an answer's JSON, or throw what the API says is wrong. */
async function read<Answer>(answer: Response): Promise<Answer> {
  if (answer.status === 204) return null as Answer;
  if (answer.ok) return (await answer.json()) as Answer;
  const problem = (await answer.json().catch(() => ({}))) as { detail?: string; code?: string };
  throw new Problem(answer.status, problem.code ?? '', problem.detail ?? `${answer.status} ${answer.statusText}`);
}

export function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
