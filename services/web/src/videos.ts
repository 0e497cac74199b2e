// Videos: uploaded piece by piece, watched while they are processed, played when they are done.
import type { connect } from './echo.ts';
import { byId, make } from './dom.ts';
import { play, type Playback } from './player.ts';
import type { Session } from './session.ts';

export interface Video {
  id: string;
  filename: string;
  status: string;
  generation: number;
  version: number;
  progress: number; // percent
  retry: { attempt: number; next_at: string } | null;
  reason: string | null;
  processed_url: string | null; // null: it cannot be played yet
  poster_url: string | null;
}

interface Card {
  video: Video;
  sent: number; // percent of the upload, if it is this page's
  element: HTMLElement;
  player: HTMLElement; // stays as it is while the rest is drawn anew
  about: HTMLElement;
}

const SHOWN = 10;
const UNDER_WAY = ['uploaded', 'processing', 'retrying'];
/** How long to wait before the rest of an upload is sent, when the line is lost (milliseconds). */
const WAITS = [0, 1_000, 3_000, 5_000, 10_000, 20_000];

export class Videos {
  readonly #session: Session;
  readonly #echo: ReturnType<typeof connect>;
  readonly #complain: (problem: unknown) => void;
  readonly #cards = new Map<string, Card>();

  constructor(session: Session, echo: ReturnType<typeof connect>, complain: (problem: unknown) => void) {
    this.#session = session;
    this.#echo = echo;
    this.#complain = complain;
    const form = byId('upload') as HTMLFormElement;
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const file = new FormData(form).get('file') as File;
      form.reset();
      void this.upload(file).catch(complain);
    });
  }

  async show(): Promise<void> {
    const { items } = await this.#session.get<{ items: Video[] }>(`/videos?limit=${SHOWN}`);
    items.reverse().forEach((video) => this.#watch(video));
  }

  /** Upload a file. One that was begun before, also on an earlier visit, goes on where it was. */
  async upload(file: File): Promise<void> {
    const { Upload } = await import('tus-js-client');
    const upload = new Upload(file, {
      endpoint: `${this.#session.api}/uploads`,
      metadata: { filename: file.name, filetype: file.type },
      retryDelays: WAITS,
      removeFingerprintOnSuccess: true,
      onBeforeRequest: (request) => {
        for (const [name, value] of Object.entries(this.#session.headers)) request.setHeader(name, value);
      },
      onUploadUrlAvailable: () => void this.refetch(idOf(upload.url)).catch(this.#complain),
      onProgress: (sent, all) => this.#sent(idOf(upload.url), (100 * sent) / (all || 1)),
      onSuccess: () => void this.refetch(idOf(upload.url)).catch(this.#complain),
      onError: this.#complain,
    });
    const [previous] = await upload.findPreviousUploads();
    if (previous) upload.resumeFromPreviousUpload(previous);
    upload.start();
  }

  async refetch(id: string): Promise<void> {
    this.#watch(await this.#session.get<Video>(`/videos/${id}`));
  }

  /** Show a video and what happens to it: subscribe first, then fetch, so that nothing falls in between. */
  #watch(video: Video): void {
    const known = this.#cards.get(video.id);
    if (known) return this.#update(known, video);
    const [player, about] = [make('div', {}), make('div', {})];
    const element = make('li', { className: 'video', id: `video-${video.id}` }, player, about);
    const card: Card = { video, sent: 0, element, player, about };
    this.#cards.set(video.id, card);
    byId('video-list').prepend(element);
    this.#draw(card);
    this.#echo
      .private(`videos.${video.id}`)
      .listen('VideoProgressed', ({ percent }: { percent: number }) => this.#progressed(card, percent))
      .listen('VideoDeleted', () => this.#forget(card))
      .listenToAll((name: string) => {
        if (!['VideoProgressed', 'VideoDeleted'].includes(name)) void this.refetch(video.id).catch(this.#complain);
      })
      .subscribed(() => void this.refetch(video.id).catch(this.#complain));
  }

  #update(card: Card, video: Video): void {
    if (video.version < card.video.version) return;
    const same = video.generation === card.video.generation; // what was said live may be newer
    card.video = { ...video, progress: Math.max(video.progress, same ? card.video.progress : 0) };
    this.#draw(card);
  }

  #progressed(card: Card, percent: number): void {
    if (card.video.status === 'retrying' || card.video.status === 'uploaded') {
      void this.refetch(card.video.id).catch(this.#complain);
    }
    card.video.progress = Math.max(card.video.progress, percent);
    this.#draw(card);
  }

  #sent(id: string, percent: number): void {
    const card = this.#cards.get(id);
    if (!card) return;
    card.sent = percent;
    this.#draw(card);
  }

  #forget(card: Card): void {
    this.#echo.leave(`videos.${card.video.id}`);
    this.#cards.delete(card.video.id);
    card.element.remove();
  }

  #draw({ video, sent, element, player, about }: Card): void {
    element.dataset['status'] = video.status;
    if (!player.hasChildNodes() && video.poster_url) {
      player.append(make('img', { src: video.poster_url, alt: '' }));
    }
    about.replaceChildren(
      make('h3', { dir: 'auto', textContent: `${video.filename}: ${video.status}` }),
      ...(video.status === 'uploading' ? bar(sent) : UNDER_WAY.includes(video.status) ? bar(video.progress) : []),
      make('p', { className: 'quiet', textContent: video.retry ? again(video.retry) : (video.reason ?? '') }),
      ...this.#buttons(video, player),
    );
    byId('no-videos').hidden = true;
  }

  #buttons(video: Video, player: HTMLElement): HTMLElement[] {
    const itself = `/videos/${video.id}`;
    const post = async (what: string) => this.#watch(await this.#session.post<Video>(`${itself}/${what}`));
    const start = async () => play(player, await this.#session.post<Playback>(`${itself}/playback`));
    const offered: [string, boolean, () => Promise<void>][] = [
      ['Play', video.processed_url !== null, start],
      ['Cancel', UNDER_WAY.includes(video.status), () => post('cancellation')],
      ['Try again', ['failed', 'cancelled'].includes(video.status), () => post('resubmission')],
      ['Delete', video.status !== 'uploading', () => this.#session.delete(itself)],
    ];
    return offered.filter(([, wanted]) => wanted).map(([textContent, , act]) => {
      const button = make('button', { type: 'button', textContent });
      button.addEventListener('click', () => void act().catch(this.#complain));
      return button;
    });
  }
}

function bar(percent: number): Node[] {
  const whole = Math.floor(percent);
  return [make('progress', { max: 100, value: whole }), document.createTextNode(` ${whole} %`)];
}

function again({ attempt, next_at }: { attempt: number; next_at: string }): string {
  return `attempt ${attempt} begins at ${new Date(next_at).toLocaleTimeString()}`;
}

/** /uploads/{id}: a video has the id of its upload. */
function idOf(url: string | null): string {
  return url?.split('/').at(-1) ?? '';
}
