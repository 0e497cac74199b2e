// The inbox behind the bell: kept in the database, and told live as Laravel tells its notifications.
import { computed, reactive } from 'vue';
import type { Notification, Notifications } from '../types/api.ts';
import type { NotificationStored } from '../types/events.ts';
import { say } from './saying.ts';
import { here, whenHere, whenMissed } from './visit.ts';

const SHOWN = 20;

export const inbox = reactive({ items: [] as Notification[] });
export const unread = computed(() => inbox.items.filter(({ read_at }) => read_at === null).length);

whenHere(({ echo, user }) => {
  const channel = echo.private(`App.Models.User.${user.id}`);
  channel.notification((e: NotificationStored) => {
    say(e.subject);
    void refetch();
  });
  channel.subscribed(() => void refetch());
});
whenMissed(/^private-App\.Models\.User\./, refetch);

export async function refetch(): Promise<void> {
  inbox.items = (await here().session.get<Notifications>(`/notifications?limit=${SHOWN}`)).items;
}

/** Note that all that is shown was read. */
export async function markRead(): Promise<void> {
  const { session } = here();
  for (const item of inbox.items.filter(({ read_at }) => read_at === null)) {
    Object.assign(item, await session.post<Notification>(`/notifications/${item.id}/read`));
  }
}
