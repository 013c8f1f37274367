import type { BlankRow } from '../../types';

/** The forms a document is written in, by the ending of its file. */
export const FORMS = ['html', 'pdf', 'docx', 'md'] as const;
export type Form = (typeof FORMS)[number];

const LABELS: Readonly<Record<Form, string>> = {
  html: 'HTML',
  pdf: 'PDF',
  docx: 'Word',
  md: 'Markdown'
};

/** Returns what a form is called. */
export function formLabel(form: Form): string {
  return LABELS[form];
}

/** Returns the name of a document's file, without its ending; it holds nothing a folder could mean. */
export function stemOf(subject: string, template: string): string {
  const plain = (text: string): string => text.replace(/[^A-Za-z0-9._-]+/g, '-');
  return `${plain(subject)}-${plain(template)}`.replace(/^\.+/, '');
}

/** Returns a stem under which no file of these endings is there yet. */
export function freeStem(stem: string, ending: string, taken: ReadonlySet<string>): string {
  const isTaken = (name: string): boolean =>
    taken.has(`${name}.${ending}`) || taken.has(`${name}-pictures`);
  let n = 1;
  let free = stem;
  while (isTaken(free)) {
    n += 1;
    free = `${stem}-${n}`;
  }
  return free;
}

/** Returns the cell in which the open questions are answered; empty where a name cannot be typed. */
export function answersCell(
  subject: string,
  template: string,
  open: readonly BlankRow[]
): string | null {
  const names = open.map(row => row.id).filter(id => /^[a-z0-9][a-z0-9._-]{0,99}$/.test(id));
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}(:[0-9]+)?$/.test(subject) || !names.length) {
    return null;
  }
  const lines = names.map(id => `# ${id}: `);
  return [`%%mlops document ${subject} --template ${template}`, ...lines].join('\n');
}

/** Returns the bytes that base64 stands for. */
export function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), character => character.charCodeAt(0));
}
