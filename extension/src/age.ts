import type { Tell } from './locale/tell';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Says how long ago a moment was, or how far ahead it lies: "2 h ago", "in 3 d". */
export function age(at: string, now: Date, tell: Tell): string {
  const seconds = (now.getTime() - Date.parse(at)) / 1000;
  if (Number.isNaN(seconds)) {
    return '';
  }
  if (Math.abs(seconds) < MINUTE) {
    return tell('just now');
  }
  const length = span(Math.abs(seconds), tell);
  return seconds > 0 ? tell('{span} ago', { span: length }) : tell('in {span}', { span: length });
}

/** Says a moment exactly, in the reader's own zone, with the zone's name. */
export function exactly(at: string, language: string, zone?: string): string {
  const moment = new Date(at);
  if (Number.isNaN(moment.getTime())) {
    return '';
  }
  return new Intl.DateTimeFormat(language, {
    day: 'numeric',
    hour: '2-digit',
    hour12: false,
    minute: '2-digit',
    month: 'short',
    second: '2-digit',
    timeZone: zone,
    timeZoneName: 'short',
    year: 'numeric'
  }).format(moment);
}

function span(seconds: number, tell: Tell): string {
  if (seconds < HOUR) {
    return tell('{n} min', { n: Math.floor(seconds / MINUTE) });
  }
  if (seconds < 2 * DAY) {
    return tell('{n} h', { n: Math.floor(seconds / HOUR) });
  }
  const days = Math.floor(seconds / DAY);
  if (days < 60) {
    return tell('{n} d', { n: days });
  }
  return days < 730
    ? tell('{n} mo', { n: Math.floor(days / 30) })
    : tell('{n} y', { n: Math.floor(days / 365) });
}
