// The videos one may see, and how far each is: heard live, and asked for anew after a fact or when something was missed.
import { reactive } from 'vue';
import { words } from '../i18n.ts';
import { Problem } from '../session.ts';
import type { Playback, Video, Videos } from '../types/api.ts';
import type { JobChanged, VideoProgressed, VideoSnapshot } from '../types/events.ts';
import { complain, say } from './saying.ts';
import { here, whenHere, whenMissed } from './visit.ts';

type Heard = Partial<JobChanged & VideoProgressed & { video: VideoSnapshot }>;

const SHOWN = 12;
const GATHERED = 150; // milliseconds in which several facts are one question
const LATER = 1_000; // what is due is rarely begun at that very moment
const ENDED = ['completed', 'failed', 'rejected', 'cancelled'];

export const videos = reactive({ byId: {} as Record<string, Video>, loaded: false });

const followed = new Set<string>();
const deleted = new Set<string>();
const asking = new Map<string, ReturnType<typeof setTimeout>>();
const playbacks = new Map<string, Playback>();

whenHere(({ echo, user }) => {
  echo
    .private(`user.${user.id}`)
    .listenToAll((name: string, e: Heard) => {
      heard(name, e);
      const happened = words.value.videos.facts[name];
      if (e.video && happened) say(words.value.videos.changed(e.video.filename, happened));
    })
    .subscribed(() => void refetchList().catch(complain));
});
whenMissed(/^private-user\.(.+)$/, refetchList);
whenMissed(/^private-videos\.(.+)$/, (_, id) => refetch(id));

export async function refetchList(): Promise<void> {
  (await here().session.get<Videos>(`/videos?limit=${SHOWN}`)).items.forEach(update);
  videos.loaded = true;
}

export async function refetch(id: string): Promise<void> {
  try {
    update(await here().session.get<Video>(`/videos/${id}`));
  } catch (what) {
    if (!(what instanceof Problem && what.status === 404)) throw what;
    forget(id);
  }
}

/** The newest first: ids are made in the order of time. */
export function newest(): Video[] {
  return Object.values(videos.byId).sort((one, other) => other.id.localeCompare(one.id)).slice(0, SHOWN);
}

export async function act(id: string, what: 'cancellation' | 'resubmission'): Promise<void> {
  update(await here().session.post<Video>(`/videos/${id}/${what}`));
}

export async function remove(id: string): Promise<void> {
  clearTimeout(asking.get(id)); // what is deleted meanwhile is not found any more
  await here().session.delete(`/videos/${id}`);
  forget(id);
}

/** Addresses to play it, which are good for some hours; a new generation has new ones. */
export async function playbackOf({ id, completed_at }: Video): Promise<Playback> {
  const key = `${id} ${completed_at}`;
  const kept = playbacks.get(key);
  if (kept && Date.parse(kept.expires_at) > Date.now()) return kept;
  const fresh = await here().session.post<Playback>(`/videos/${id}/playback`);
  playbacks.set(key, fresh);
  return fresh;
}

function heard(name: string, { video, video_id, percent, about }: Heard): void {
  if (video_id && percent !== undefined) progressed(video_id, percent);
  else if (about && videos.byId[about]) askSoon(about); // one of its jobs ended: a picture may be there, or a wait
  else if (video && name === 'VideoDeleted') forget(video.id);
  else if (video) changed(video);
}

/** A fact is newer than the list, and knows less. */
function changed(told: VideoSnapshot): void {
  const known = videos.byId[told.id];
  if (known && told.version >= known.version) {
    update({ ...known, ...told, retry: null, progress: told.generation === known.generation ? known.progress : 0 });
  }
  askSoon(told.id);
}

function progressed(id: string, percent: number): void {
  const video = videos.byId[id];
  if (video) video.progress = Math.max(video.progress, percent);
  if (video?.status !== 'processing') askSoon(id); // its beginning is no fact
}

function update(video: Video): void {
  const known = videos.byId[video.id];
  if (deleted.has(video.id) || (known && video.version < known.version)) return;
  const same = known?.generation === video.generation; // what was said live may be newer
  videos.byId[video.id] = { ...video, progress: Math.max(video.progress, same ? known.progress : 0) };
  if (ENDED.includes(video.status)) leave(video.id);
  else follow(video.id);
  if (video.retry) askSoon(video.id, Math.max(0, Date.parse(video.retry.next_at) - Date.now()) + LATER);
}

function follow(id: string): void {
  if (followed.has(id)) return;
  followed.add(id);
  here().echo.private(`videos.${id}`).listenToAll(heard).subscribed(() => askSoon(id));
}

function leave(id: string): void {
  if (followed.delete(id)) here().echo.leave(`videos.${id}`);
}

function forget(id: string): void {
  deleted.add(id);
  clearTimeout(asking.get(id));
  leave(id);
  delete videos.byId[id];
}

function askSoon(id: string, after = GATHERED): void {
  clearTimeout(asking.get(id));
  if (deleted.has(id)) return;
  asking.set(id, setTimeout(() => void refetch(id).catch(complain), after));
}
