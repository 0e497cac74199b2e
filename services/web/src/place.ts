// Where one is on the page: `#shop`, `#order/{id}`, …: an address that can be kept and sent.
import { reactive } from 'vue';

export const PANELS = ['shop', 'videos', 'log', 'queues', 'break'] as const;
export type Panel = (typeof PANELS)[number] | 'order';

export const place = reactive<{ panel: Panel; id: string }>({ panel: 'shop', id: '' });

export function go(panel: Panel, id = ''): void {
  location.hash = id ? `${panel}/${id}` : panel;
}

function read(): void {
  const [name = '', id = ''] = location.hash.slice(1).split('/');
  const known = [...PANELS, 'order' as const].find((panel) => panel === name);
  Object.assign(place, known === 'order' && !id ? { panel: 'shop', id: '' } : { panel: known ?? 'shop', id });
}

addEventListener('hashchange', read);
read();
