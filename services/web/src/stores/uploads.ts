// What this tab uploads: by tus, piece by piece, so that a line that was cut or a page that was left costs nothing.
import { reactive, watch } from 'vue';
import type { DetailedError, HttpRequest, Upload } from 'tus-js-client';
import { Problem } from '../session.ts';
import type { Video } from '../types/api.ts';
import { connection } from './connection.ts';
import { complain } from './saying.ts';
import { refetch, remove } from './videos.ts';
import { here } from './visit.ts';

export interface Sending {
  key: number;
  id: string; // the video's: an upload has the same; empty until it is known
  name: string;
  size: number;
  sent: number; // bytes
  state: 'sending' | 'waiting' | 'paused' | 'refused';
  why: Problem | null;
}

/** How long to wait before the rest is sent, when the line is lost (milliseconds): soon, then calmly for an hour. */
const WAITS = [0, 1_000, 3_000, 5_000, ...Array<number>(360).fill(10_000)];
/** A line that is gone without a word is noticed by its silence (milliseconds). */
const SILENT = 15_000;
/** These may pass by themselves. 0: no answer came. */
const PASSING = [0, 401, 408, 409, 423, 500, 502, 503, 504];

export const sendings = reactive<Sending[]>([]);
const uploads = new Map<number, Upload>();
const silences = new Map<number, ReturnType<typeof setTimeout>>();
let renewing: Promise<unknown> | undefined;

watch(() => connection.state, (state) => state === 'live' && hurry());
addEventListener('online', hurry);

export function sendingOf(id: string): Sending | undefined {
  return sendings.find((one) => one.id === id);
}

/** Upload a file. What was sent of it before, also on an earlier visit, is not sent again. `video`: it goes on with this one. */
export async function send(file: File, video?: Video): Promise<void> {
  const { Upload } = await import('tus-js-client'); // not before somebody uploads
  const key = Date.now() + sendings.length;
  sendings.unshift({ key, id: '', name: file.name, size: file.size, sent: 0, state: 'sending', why: null });
  const sending = sendings[0]!;
  const upload = new Upload(file, optionsFor(sending, file));
  uploads.set(key, upload);
  if (video) upload.options.uploadUrl = `${here().session.api}/uploads/${video.id}`;
  const [previous] = video ? [] : await upload.findPreviousUploads();
  if (previous && sendingOf(idOf(previous.uploadUrl))) return drop(sending); // it is on its way already
  if (previous) upload.resumeFromPreviousUpload(previous);
  upload.start();
}

function optionsFor(sending: Sending, file: File): Upload['options'] {
  const { session, user } = here();
  const print = ['taboor', user.id, file.name, file.size, file.lastModified].join('/');
  return {
    endpoint: `${session.api}/uploads`,
    metadata: { filename: file.name, filetype: file.type },
    fingerprint: () => Promise.resolve(print),
    removeFingerprintOnSuccess: true,
    retryDelays: WAITS,
    onBeforeRequest: authorize,
    onShouldRetry: (error) => mayPass(sending, error),
    onUploadUrlAvailable: () => known(sending),
    onProgress: (sent) => progressed(sending, sent),
    onSuccess: () => void refetch(sending.id).catch(complain).finally(() => drop(sending)),
    onError: (error) => Object.assign(sending, { state: 'refused', why: problemOf(error) }),
  };
}

export async function pause(sending: Sending): Promise<void> {
  await uploads.get(sending.key)?.abort();
  sending.state = 'paused';
}

export function goOn(sending: Sending): void {
  sending.state = 'waiting';
  uploads.get(sending.key)?.start();
}

export async function giveUp(sending: Sending): Promise<void> {
  await uploads.get(sending.key)?.abort();
  drop(sending);
  if (sending.id) await remove(sending.id);
}

/** How much of an unfinished upload is there (bytes). */
export async function arrived(id: string): Promise<number> {
  const { session } = here();
  const headers = { ...session.headers, 'Tus-Resumable': '1.0.0' };
  const answer = await fetch(`${session.api}/uploads/${id}`, { method: 'HEAD', headers });
  return Number(answer.headers.get('Upload-Offset') ?? 0);
}

async function authorize(request: HttpRequest): Promise<void> {
  await renewing;
  for (const [name, value] of Object.entries(here().session.headers)) request.setHeader(name, value);
}

function mayPass(sending: Sending, error: Error | DetailedError): boolean {
  const status = statusOf(error);
  if (!PASSING.includes(status)) return false;
  if (status === 401) renewing = here().session.renew().catch(() => false);
  sending.state = 'waiting';
  return true;
}

function known(sending: Sending): void {
  sending.id = idOf(uploads.get(sending.key)?.url);
  void refetch(sending.id).catch(complain);
}

function progressed(sending: Sending, sent: number): void {
  Object.assign(sending, { sent, state: 'sending' });
  clearTimeout(silences.get(sending.key));
  silences.set(sending.key, setTimeout(() => sending.state === 'sending' && again(sending), SILENT));
}

/** The line is back: nobody has to wait for the next try. */
function hurry(): void {
  sendings.filter(({ state }) => state === 'waiting').forEach(again);
}

function again(sending: Sending): void {
  void uploads.get(sending.key)?.abort().then(() => goOn(sending));
}

function drop({ key }: Sending): void {
  clearTimeout(silences.get(key));
  uploads.delete(key);
  sendings.splice(sendings.findIndex((one) => one.key === key), 1);
}

function statusOf(error: Error | DetailedError): number {
  return ('originalResponse' in error && error.originalResponse?.getStatus()) || 0;
}

function problemOf(error: Error | DetailedError): Problem {
  const body = 'originalResponse' in error ? (error.originalResponse?.getBody() ?? '') : '';
  const { code = '', detail = error.message } = body.startsWith('{') ? (JSON.parse(body) as Partial<Record<string, string>>) : {};
  return new Problem(statusOf(error), code, detail);
}

function idOf(url: string | null | undefined): string {
  return url?.split('/').at(-1) ?? '';
}
