import { computed, signal } from '@preact/signals';
import { remember, remembered } from '../browser/memory.ts';
import { en, type Messages } from '../messages/en/index.ts';
import { zh } from '../messages/zh/index.ts';

/** How each language calls itself. */
export const LANGUAGES = { en: 'English', zh: '简体中文' } as const;
export type Language = keyof typeof LANGUAGES;

const TABLES: Readonly<Record<Language, Messages>> = { en, zh };
/** As BCP 47 writes them: for numbers, times and screen readers. */
const TAGS: Readonly<Record<Language, string>> = { en: 'en', zh: 'zh-Hans' };

export const language = signal<Language>(firstLanguage());
export const messages = computed<Messages>(() => TABLES[language.value]);
export const languageTag = computed(() => TAGS[language.value]);

export function setLanguage(next: Language): void {
  language.value = next;
  remember('language', next);
}

/** What was chosen here before, else the first of the browser's languages that there is. */
function firstLanguage(): Language {
  const chosen = remembered('language');
  if (chosen !== null && chosen in LANGUAGES) return chosen as Language;
  const wanted = navigator.languages.map((tag) => tag.slice(0, 2));
  return (wanted.find((tag) => tag in LANGUAGES) as Language | undefined) ?? 'en';
}
