import React from 'react';

import type { Api } from './api';
import type { Form } from './features/documents/files';
import type { Live, Snapshot } from './live';
import { Tell } from './locale';
import { asProblem, MlopsProblem } from './problem';

/** What every part of the panel has at hand. */
export interface Desk {
  readonly api: Api;
  readonly live: Live;
  readonly tell: Tell;
  /** Puts a line into a new cell of the notebook that is open; copies it when there is none. */
  insert(line: string): Promise<void>;
  copy(text: string): void;
  /** Opens the page of a deployment; that of the fleet when none is named. */
  openDashboard(deployment?: string): void;
  openTour(): void;
  /** Shows a page beside the notebooks, in a frame in which nothing can run. */
  openPage(title: string, html: string): void;
  /** Writes a document beside the notebook that is open, under a name that is free; returns its path. */
  keep(
    stem: string,
    form: Form,
    write: (name: string) => Promise<Readonly<Record<string, string>>>
  ): Promise<string>;
  openFile(path: string): void;
}

const DeskContext = React.createContext<Desk | null>(null);
const NowContext = React.createContext<Date>(new Date());

/** Lays out the desk for everything below, with a clock that moves four times a minute. */
export function AtDesk(props: { desk: Desk; children: React.ReactNode }): JSX.Element {
  const [now, setNow] = React.useState(() => new Date());
  React.useEffect(() => {
    const timer = window.setInterval(() => setNow(new Date()), 15_000);
    return () => window.clearInterval(timer);
  }, []);
  return (
    <DeskContext.Provider value={props.desk}>
      <NowContext.Provider value={now}>{props.children}</NowContext.Provider>
    </DeskContext.Provider>
  );
}

/** Returns what is at hand. */
export function useDesk(): Desk {
  const desk = React.useContext(DeskContext);
  if (!desk) {
    throw new Error('This part stands outside of the panel.');
  }
  return desk;
}

/** Returns the present, to the quarter of a minute. */
export function useNow(): Date {
  return React.useContext(NowContext);
}

/** Returns the newest news, and draws again when there are some. */
export function useSnapshot(live: Live): Snapshot {
  const subscribe = React.useCallback(
    (onChange: () => void) => {
      live.changed.connect(onChange);
      return () => void live.changed.disconnect(onChange);
    },
    [live]
  );
  return React.useSyncExternalStore(subscribe, () => live.snapshot);
}

/** How a deed goes: not begun, under way, answered, refused. */
export interface Course<Answer> {
  readonly busy: boolean;
  readonly answer: Answer | null;
  readonly problem: MlopsProblem | null;
}

const NOT_BEGUN = { busy: false, answer: null, problem: null };

/** Returns the course of a deed and the way to begin it; the news are asked for when it ends. */
export function useDeed<Answer>(): [Course<Answer>, (deed: () => Promise<Answer>) => void] {
  const { live, tell } = useDesk();
  const [course, setCourse] = React.useState<Course<Answer>>(NOT_BEGUN);
  const begin = React.useCallback(
    (deed: () => Promise<Answer>) => {
      setCourse({ ...NOT_BEGUN, busy: true });
      deed()
        .then(answer => setCourse({ ...NOT_BEGUN, answer }))
        .catch((thrown: unknown) => setCourse({ ...NOT_BEGUN, problem: asProblem(thrown, tell) }))
        .finally(() => void live.refresh());
    },
    [live, tell]
  );
  return [course, begin];
}

/** Returns what a read answers, asked once for each key. */
export function useAnswer<Answer>(key: string, read: () => Promise<Answer>): Course<Answer> {
  const { tell } = useDesk();
  const [course, setCourse] = React.useState<Course<Answer>>({ ...NOT_BEGUN, busy: true });
  const latest = React.useRef(read);
  latest.current = read;
  React.useEffect(() => {
    let wanted = true;
    const settle = (next: Partial<Course<Answer>>): void => {
      if (wanted) {
        setCourse({ ...NOT_BEGUN, ...next });
      }
    };
    latest
      .current()
      .then(answer => settle({ answer }))
      .catch((thrown: unknown) => settle({ problem: asProblem(thrown, tell) }));
    return () => {
      wanted = false;
    };
  }, [key, tell]);
  return course;
}
