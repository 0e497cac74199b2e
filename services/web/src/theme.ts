// Light or dark: as the machine wishes, until somebody chooses.
import { computed, ref, watchEffect } from 'vue';

type Theme = 'light' | 'dark';

const KEPT = 'taboor.theme';
const machine = matchMedia('(prefers-color-scheme: dark)');
const machineIsDark = ref(machine.matches);
const chosen = ref(localStorage.getItem(KEPT) as Theme | null);

export const theme = computed<Theme>(() => chosen.value ?? (machineIsDark.value ? 'dark' : 'light'));

export function turn(): void {
  chosen.value = theme.value === 'dark' ? 'light' : 'dark';
  localStorage.setItem(KEPT, chosen.value);
}

machine.addEventListener('change', ({ matches }) => (machineIsDark.value = matches));
watchEffect(() => (document.documentElement.dataset['theme'] = theme.value));
