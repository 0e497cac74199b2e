// Plays a video: by hls.js, which chooses among its sizes as it goes; else as the browser itself can; else one file.
import { make } from './dom.ts';

export interface Playback {
  url: string;
  mp4_url: string;
  poster_url: string | null;
}

const HLS = 'application/vnd.apple.mpegurl';

/** Put a player into this place. It is asked for with each visit: its addresses are good for some hours. */
export async function play(place: HTMLElement, { url, mp4_url, poster_url }: Playback): Promise<void> {
  const video = make('video', { controls: true, playsInline: true, poster: poster_url ?? '' });
  place.replaceChildren(video);
  const { default: Hls } = await import('hls.js'); // not before somebody plays: it is larger than the page
  const wholeFile = () => {
    const { currentTime, paused } = video;
    video.src = mp4_url;
    video.dataset['by'] = 'one file';
    video.currentTime = currentTime;
    if (!paused) void video.play().catch(() => undefined);
  };
  if (Hls.isSupported()) {
    const hls = new Hls();
    hls.on(Hls.Events.ERROR, (_, { fatal }) => {
      if (!fatal) return;
      hls.destroy();
      wholeFile();
    });
    hls.loadSource(url);
    hls.attachMedia(video);
    video.dataset['by'] = 'hls.js';
  } else if (video.canPlayType(HLS)) {
    video.src = url;
    video.dataset['by'] = 'the browser';
  } else {
    wholeFile();
  }
  await video.play().catch(() => undefined); // a browser may want another click
}
