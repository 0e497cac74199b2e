// The page's language, and how numbers, money and times are written in it.
import { computed, ref, watchEffect } from 'vue';
import { ar } from './words/ar.ts';
import { en, type Words } from './words/en.ts';

export type Language = 'en' | 'ar';

const CATALOGUES: Record<Language, Words> = { en, ar };
const TAGS: Record<Language, string> = { en: 'en-GB', ar: 'ar-EG' };
const KEPT = 'taboor.language';

export const language = ref<Language>(wished());
export const words = computed(() => CATALOGUES[language.value]);

/** Keep the document in the page's language and direction. */
export function begin(): void {
  watchEffect(() => {
    document.documentElement.lang = language.value;
    document.documentElement.dir = language.value === 'ar' ? 'rtl' : 'ltr';
    document.title = words.value.page.title;
    localStorage.setItem(KEPT, language.value);
  });
}

function wished(): Language {
  return (localStorage.getItem(KEPT) ?? navigator.language).startsWith('ar') ? 'ar' : 'en';
}

/** Making one of Intl's formats takes a hundred times as long as using it. */
const formats = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat>();

function format<Format extends Intl.NumberFormat | Intl.DateTimeFormat, Options>(
  kind: new (tag: string, options: Options) => Format, options: Options,
): Format {
  const tag = TAGS[language.value];
  const key = `${tag} ${kind.name} ${JSON.stringify(options)}`;
  if (!formats.has(key)) formats.set(key, new kind(tag, options));
  return formats.get(key) as Format;
}

export function number(value: number, options: Intl.NumberFormatOptions = {}): string {
  return format<Intl.NumberFormat, Intl.NumberFormatOptions>(Intl.NumberFormat, options).format(value);
}

/** Money is kept in minor units: piastres. */
export function money(minor: number, currency: string): string {
  const whole = minor % 100 === 0 ? { maximumFractionDigits: 0 } : {};
  return number(minor / 100, { style: 'currency', currency, ...whole });
}

export function time(at: string | Date): string {
  return moment(at, { timeStyle: 'medium' });
}

export function date(at: string | Date): string {
  return moment(at, { dateStyle: 'medium', timeStyle: 'short' });
}

function moment(at: string | Date, style: Intl.DateTimeFormatOptions): string {
  return format<Intl.DateTimeFormat, Intl.DateTimeFormatOptions>(Intl.DateTimeFormat, style).format(new Date(at));
}

/** A file's size. */
export function fileSize(bytes: number): string {
  const [unit, of, maximumFractionDigits] = bytes < 1e5 ? ['kilobyte', 1e3, 0] : ['megabyte', 1e6, bytes < 1e7 ? 1 : 0];
  return number(bytes / of, { style: 'unit', unit, maximumFractionDigits });
}

/** How long something took or takes: 24 ms, 3.2 sec, 1:42. */
export function duration(seconds: number): string {
  const unit = (value: number, of: string, digits: number) =>
    number(value, { style: 'unit', unit: of, maximumFractionDigits: digits });
  if (seconds < 1) return unit(Math.max(0, Math.round(seconds * 1000)), 'millisecond', 0);
  return seconds < 60 ? unit(seconds, 'second', seconds < 10 ? 1 : 0) : clock(seconds);
}

/** Time that is left: 1:42. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  const two = { minimumIntegerDigits: 2 };
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const parts = [number(minutes, hours ? two : {}), number(whole % 60, two)];
  return (hours ? [number(hours), ...parts] : parts).join(':');
}

/** A thing's name as it is stored: in both languages, or from an older snapshot. */
export function named(thing: { names?: { en: string; ar: string }; name_en?: string; name_ar?: string }): string {
  const { en: english = thing.name_en ?? '', ar: arabic = thing.name_ar ?? '' } = thing.names ?? {};
  return language.value === 'ar' ? arabic : english;
}

/** In which language somebody wrote this: for who has it read aloud. */
export function languageOf(text: string): Language {
  return /[\u0600-\u06ff]/.test(text) ? 'ar' : 'en';
}
