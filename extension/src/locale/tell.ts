import { ja } from './ja';

export type Values = Record<string, string | number>;

/** Says an English template in the reader's language, and fills its `{names}`. */
export interface Tell {
  (template: string, values?: Values): string;
  /** The reader's language, as BCP 47 has it. */
  readonly language: string;
}

/** A catalogue given from outside: returns the template itself where it knows nothing better. */
export type Lookup = (template: string) => string;

/** Returns a `Tell` for a language; a language pack's word goes before our own. */
export function teller(language: string, lookup: Lookup = same): Tell {
  const ours: Readonly<Record<string, string>> = language.startsWith('ja') ? ja : {};
  const say = (template: string, values: Values = {}): string => {
    const given = lookup(template);
    return fill(given !== template ? given : (ours[template] ?? template), values);
  };
  return Object.assign(say, { language });
}

function same(template: string): string {
  return template;
}

function fill(template: string, values: Values): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) =>
    Object.hasOwn(values, name) ? String(values[name]) : whole
  );
}
