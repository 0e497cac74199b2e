// Plays a video: by hls.js, which chooses among its sizes as it goes; else as the browser itself can; else one file.
import type { Playback } from './types/api.ts';

const HLS = 'application/vnd.apple.mpegurl';

/** Begin to play in this element; return what ends it. `onSize`: so many lines are shown from now on. */
export async function play(
  video: HTMLVideoElement,
  { url, mp4_url }: Playback,
  onSize: (lines: number) => void,
): Promise<() => void> {
  const { default: Hls } = await import('hls.js'); // not before somebody plays: it is larger than the page
  video.addEventListener('resize', () => onSize(video.videoHeight));
  let end = () => {};
  if (Hls.isSupported()) {
    const hls = new Hls();
    end = () => hls.destroy();
    hls.on(Hls.Events.ERROR, (_, { fatal }) => {
      if (!fatal) return;
      hls.destroy();
      wholeFile(video, mp4_url);
    });
    hls.loadSource(url);
    hls.attachMedia(video);
    video.dataset['by'] = 'hls.js';
  } else if (video.canPlayType(HLS)) {
    video.src = url;
    video.dataset['by'] = 'the browser';
  } else {
    wholeFile(video, mp4_url);
  }
  await video.play().catch(() => undefined); // a browser may want another click
  return end;
}

function wholeFile(video: HTMLVideoElement, url: string): void {
  const { currentTime, paused } = video;
  video.src = url;
  video.dataset['by'] = 'one file';
  video.currentTime = currentTime;
  if (!paused) void video.play().catch(() => undefined);
}
