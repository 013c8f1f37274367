import { Poll } from '@lumino/polling';
import { ISignal, Signal } from '@lumino/signaling';

import type { Api } from './api';
import { sameAsBefore } from './keep';
import { Tell } from './locale';
import { asProblem, MlopsProblem } from './problem';
import type { AlertRow, DeploymentRow, ModelRow, Request } from './types';

/** The newest models that the panel knows; more are found by `models` in a cell. */
const MOST_MODELS = 500;

/** What the panel knows at one moment; equal parts keep their identity from one to the next. */
export interface Snapshot {
  readonly phase: 'loading' | 'ready' | 'failed';
  readonly workspace: string;
  readonly headline: string;
  readonly alerts: readonly AlertRow[];
  readonly requests: readonly Request[];
  readonly deployments: readonly DeploymentRow[];
  readonly models: readonly ModelRow[];
  readonly at: Date | null;
  readonly problem: MlopsProblem | null;
}

const NOTHING: Snapshot = {
  phase: 'loading',
  workspace: '',
  headline: '',
  alerts: [],
  requests: [],
  deployments: [],
  models: [],
  at: null,
  problem: null
};

/** The news, asked for again and again while somebody looks. */
export class Live {
  private readonly poll: Poll;
  private revision: number | null = null;
  private now: Snapshot = NOTHING;
  private readonly told = new Signal<this, void>(this);

  constructor(
    private readonly api: Api,
    private readonly tell: Tell,
    seconds: number,
    isSeen: () => boolean
  ) {
    this.poll = new Poll({
      name: 'jupyter-mlops:panel',
      auto: true,
      factory: () => this.ask(),
      frequency: frequency(seconds),
      standby: () => document.hidden || !isSeen()
    });
  }

  get changed(): ISignal<this, void> {
    return this.told;
  }

  get snapshot(): Snapshot {
    return this.now;
  }

  /** Asks every so many seconds from now on; more slowly while nothing answers. */
  every(seconds: number): void {
    this.poll.frequency = frequency(seconds);
  }

  /** Asks at once. */
  async refresh(): Promise<void> {
    await this.poll.refresh();
  }

  /** Puts an answer in the place of what was known of this request, before the next news. */
  receive(answer: Request): void {
    const requests = this.now.requests.map(row => (row.id === answer.id ? answer : row));
    this.show({ ...this.now, requests });
  }

  dispose(): void {
    this.poll.dispose();
    Signal.clearData(this);
  }

  private async ask(): Promise<void> {
    try {
      const overview = await this.api.say('overview', {});
      const stale = overview.revision !== this.revision;
      const [requests, models] = stale
        ? await Promise.all([
            this.api.say('requests', {}),
            this.api.say('models', { limit: MOST_MODELS })
          ])
        : [{ items: this.now.requests }, { items: this.now.models }];
      this.revision = overview.revision;
      this.show({
        phase: 'ready',
        workspace: overview.workspace,
        headline: overview.headline,
        alerts: sameAsBefore(this.now.alerts, overview.alerts, row => row.id),
        requests: sameAsBefore(this.now.requests, requests.items, row => row.id),
        deployments: sameAsBefore(this.now.deployments, overview.deployments, row => row.name),
        models: sameAsBefore(this.now.models, models.items, row => row.name),
        at: new Date(),
        problem: null
      });
    } catch (thrown) {
      const phase = this.now.at ? 'ready' : 'failed';
      this.show({ ...this.now, phase, problem: asProblem(thrown, this.tell) });
      throw thrown;
    }
  }

  private show(next: Snapshot): void {
    this.now = next;
    this.told.emit();
  }
}

function frequency(seconds: number): { interval: number; backoff: number; max: number } {
  const interval = Math.max(1, seconds) * 1000;
  return { interval, backoff: 2, max: Math.max(interval, 60_000) };
}
