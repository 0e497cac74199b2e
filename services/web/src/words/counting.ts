// "1 fact, 2 facts", in languages that count in other ways than English.
const RULES = { en: new Intl.PluralRules('en'), ar: new Intl.PluralRules('ar-EG') };

type Forms = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string };

/** Choose the form for this number; `#` in it stands for the number, written as the language writes it. */
export function counted(language: keyof typeof RULES, count: number, forms: Forms): string {
  const digits = new Intl.NumberFormat(language === 'ar' ? 'ar-EG' : 'en').format(count);
  return (forms[RULES[language].select(count)] ?? forms.other).replace('#', digits);
}
