// A storyboard: one picture of many small ones, and a WebVTT file that says which of them belongs to which moment.

export interface Tile {
  from: number; // seconds
  to: number;
  style: Record<string, string>;
}

const CUE = /([\d:.]+) --> ([\d:.]+).*\n(.+)#xywh=(\d+),(\d+),(\d+),(\d+)/g;

export async function readStoryboard(url: string): Promise<Tile[]> {
  const answer = await fetch(url);
  return answer.ok ? tilesOf(await answer.text(), new URL(url, location.href)) : [];
}

export function tileAt(tiles: Tile[], seconds: number): Tile | undefined {
  return tiles.find(({ to }) => seconds < to) ?? tiles.at(-1);
}

function tilesOf(text: string, base: URL): Tile[] {
  const cues = [...text.matchAll(CUE)].map(([, from, to, name, ...box]) => {
    const [x, y, width, height] = box.map(Number) as [number, number, number, number];
    return { from: seconds(from!), to: seconds(to!), name: name!, x, y, width, height };
  });
  const wide = Math.max(...cues.map(({ x, width }) => x + width));
  const high = Math.max(...cues.map(({ y, height }) => y + height));
  return cues.map(({ from, to, name, x, y, width, height }) => ({
    from,
    to,
    style: {
      aspectRatio: `${width} / ${height}`,
      backgroundImage: `url("${new URL(name, base).href}")`,
      backgroundSize: `${(100 * wide) / width}% ${(100 * high) / height}%`,
      backgroundPosition: `${part(x, wide - width)}% ${part(y, high - height)}%`,
    },
  }));
}

function part(offset: number, room: number): number {
  return room > 0 ? (100 * offset) / room : 0;
}

/** 00:01:02.500 in seconds. */
function seconds(at: string): number {
  return at.split(':').reduce((sum, each) => sum * 60 + Number(each), 0);
}
