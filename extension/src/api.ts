import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { Tell } from './locale';
import { asProblem, problemOf } from './problem';
import { Answers, Arguments, DOES, Verb } from './types';

export type Ground = 'light' | 'dark';

/** The verbs, as the Jupyter server offers them to this page. */
export class Api {
  private readonly base: string;

  constructor(
    private readonly settings: ServerConnection.ISettings,
    private readonly tell: Tell
  ) {
    this.base = URLExt.join(settings.baseUrl, 'jupyter-mlops', 'api');
  }

  /** Says a verb, and returns what it answers; throws `MlopsProblem` where it is refused. */
  async say<V extends Verb>(verb: V, words: Arguments[V]): Promise<Answers[V]> {
    const deed = DOES[verb] === 'deed';
    const url = `${this.base}/${verb}${deed ? '' : query(words)}`;
    const asked = { headers: this.headers(deed), ...(deed ? posted(words) : { method: 'GET' }) };
    return this.ask(url, asked, body => JSON.parse(body) as Answers[V]);
  }

  /** Returns the picture of what a verb that only looks answers, as SVG. */
  async picture<V extends Verb>(
    verb: V,
    words: Arguments[V],
    size: { width: number; ground: Ground }
  ): Promise<string> {
    const url = `${this.base}/pictures/${verb}${query({ ...words, ...size })}`;
    return this.ask(url, { headers: this.headers(false), method: 'GET' }, body => body);
  }

  private async ask<Answer>(
    url: string,
    asked: RequestInit,
    read: (body: string) => Answer
  ): Promise<Answer> {
    try {
      const response = await ServerConnection.makeRequest(url, asked, this.settings);
      const body = await response.text();
      if (!response.ok) {
        throw problemOf(response.status, body, this.tell);
      }
      return read(body);
    } catch (thrown) {
      throw asProblem(thrown, this.tell);
    }
  }

  private headers(deed: boolean): Record<string, string> {
    const language = { 'Accept-Language': this.tell.language };
    return deed ? { ...language, 'Content-Type': 'application/json' } : language;
  }
}

function posted(words: object): RequestInit {
  return { method: 'POST', body: JSON.stringify(words) };
}

function query(words: object): string {
  const texts = Object.entries(words).flatMap(([name, value]: [string, unknown]) =>
    (Array.isArray(value) ? value : [value]).map(one => [name, String(one)])
  );
  return texts.length ? `?${new URLSearchParams(texts).toString()}` : '';
}
