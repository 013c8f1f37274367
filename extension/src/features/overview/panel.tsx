import React from 'react';

import { AtDesk, Desk, useDesk, useSnapshot } from '../../desk';
import { figure } from '../../figures';
import { Action, Problem } from '../../parts/action';
import { Age, StatusMark } from '../../parts/marks';
import { CopyLine } from '../../parts/copy';
import { Row, RowHead } from '../../parts/row';
import { Tell } from '../../locale';
import type { AlertRow, DeploymentRow, ModelRow, Request } from '../../types';
import { AlertCard } from '../alerts/card';
import { alertState, alertStatus, severityWord } from '../alerts/sentences';
import { RequestCard } from '../approvals/card';
import { requestStatus, stateWord, waiting } from '../approvals/sentences';
import { DeploymentCard } from '../deployments/card';
import { byHealth, riskWord, shownFigure } from '../deployments/sentences';
import { ModelCard } from '../models/card';
import { byNewest, metricName, modelStatus, modelWord } from '../models/sentences';
import { held, matches } from './order';

export type SectionName = 'alerts' | 'waiting' | 'deployments' | 'models';

const MOST = 100;

interface Item {
  readonly head: RowHead;
  readonly texts: readonly (string | null)[];
  readonly body: () => React.ReactNode;
}

/** The panel: a search field and four sections that fold. */
export function Panel(props: { desk: Desk; sections: readonly SectionName[] }): JSX.Element {
  return (
    <AtDesk desk={props.desk}>
      <Content sections={props.sections} />
    </AtDesk>
  );
}

function Content(props: { sections: readonly SectionName[] }): JSX.Element {
  const { live, tell } = useDesk();
  const snapshot = useSnapshot(live);
  const [query, setQuery] = React.useState('');
  if (snapshot.phase === 'loading') {
    return <p className="jp-mlops-quiet jp-mlops-pad">{tell('Looking …')}</p>;
  }
  if (snapshot.phase === 'failed' && snapshot.problem) {
    return (
      <div className="jp-mlops-pad">
        <Problem problem={snapshot.problem} />
        <Action label={tell('Try again')} onClick={() => void live.refresh()} />
      </div>
    );
  }
  const empty = !snapshot.models.length && !snapshot.deployments.length;
  return (
    <div className="jp-mlops-content">
      <header className="jp-mlops-header">
        <p className="jp-mlops-headline">{snapshot.headline}</p>
        <input
          className="jp-mod-styled"
          type="search"
          value={query}
          placeholder={tell('Search')}
          aria-label={tell('Search alerts, requests, deployments and models')}
          onChange={event => setQuery(event.target.value)}
        />
      </header>
      {snapshot.problem && <Problem problem={snapshot.problem} />}
      {empty ? <Empty /> : <Sections shown={props.sections} query={query} />}
    </div>
  );
}

function Empty(): JSX.Element {
  const { openTour, tell } = useDesk();
  return (
    <div className="jp-mlops-pad">
      <p>{tell('Register a fitted model from a notebook:')}</p>
      <CopyLine line="%load_ext jupyter_mlops" />
      <CopyLine line="%mlops register model --name churn --train train_df --target churned" />
      <p>{tell('Or see the whole story first.')}</p>
      <Action label={tell('Open the tour')} kind="accept" onClick={openTour} />
    </div>
  );
}

type Opened = Readonly<Partial<Record<SectionName, string | null>>>;

function Sections(props: { shown: readonly SectionName[]; query: string }): JSX.Element {
  const { live, tell } = useDesk();
  const snapshot = useSnapshot(live);
  const [opened, setOpened] = React.useState<Opened>({});
  const toggle = (name: SectionName, id: string): void =>
    setOpened(before => ({ ...before, [name]: before[name] === id ? null : id }));
  const requests = waiting(snapshot.requests, opened.waiting ?? null);
  const all = {
    alerts: {
      title: tell('Alerts'),
      count: snapshot.alerts.filter(row => row.state === 'open').length,
      nothing: tell('No alert is open.'),
      items: snapshot.alerts.map(row => alertItem(row, tell))
    },
    waiting: {
      title: tell('Waiting for a decision'),
      count: requests.filter(row => row.state === 'open').length,
      nothing: tell('Nothing waits for a decision.'),
      items: requests.map(row => requestItem(row, tell))
    },
    deployments: {
      title: tell('Deployments'),
      count: snapshot.deployments.length,
      nothing: tell('Nothing is deployed yet.'),
      items: byHealth(snapshot.deployments).map(row => deploymentItem(row, tell))
    },
    models: {
      title: tell('Models'),
      count: snapshot.models.length,
      nothing: tell('Nothing is registered yet.'),
      items: byNewest(snapshot.models).map(row => modelItem(row, snapshot.deployments, tell))
    }
  };
  return (
    <>
      {props.shown.map(name => (
        <Section
          key={name}
          query={props.query}
          opened={opened[name] ?? null}
          onToggle={id => toggle(name, id)}
          {...all[name]}
        />
      ))}
    </>
  );
}

/** Returns the rows, held where they are while somebody points at them, and who to tell. */
function useHeld(
  items: readonly Item[]
): [Item[], { onPointerEnter(): void; onPointerLeave(): void }] {
  const [order, setOrder] = React.useState<readonly string[] | null>(null);
  const rows = items.map(item => ({ id: item.head.id, item }));
  const placed = order ? held(order, rows) : rows;
  const pointing = {
    onPointerEnter: () => setOrder(rows.map(({ id }) => id)),
    onPointerLeave: () => setOrder(null)
  };
  return [placed.map(({ item }) => item), pointing];
}

function Section(props: {
  title: string;
  count: number;
  nothing: string;
  items: readonly Item[];
  query: string;
  opened: string | null;
  onToggle: (id: string) => void;
}): JSX.Element {
  const { tell } = useDesk();
  const [items, pointing] = useHeld(props.items);
  const found = items.filter(item => matches(props.query, item.texts));
  return (
    <details className="jp-mlops-section" open>
      <summary>
        <h2>{props.title}</h2> <span className="jp-mlops-count">{props.count}</span>
      </summary>
      {found.length === 0 && (
        <p className="jp-mlops-quiet jp-mlops-pad">
          {props.query && items.length ? tell('No match.') : props.nothing}
        </p>
      )}
      <ul className="jp-mlops-rows" {...pointing}>
        {found.slice(0, MOST).map(item => (
          <Row
            key={item.head.id}
            head={item.head}
            open={props.opened === item.head.id}
            onToggle={props.onToggle}
          >
            {item.body}
          </Row>
        ))}
      </ul>
      {found.length > MOST && (
        <p className="jp-mlops-quiet jp-mlops-pad">
          {tell('{n} more; search to find them.', { n: found.length - MOST })}
        </p>
      )}
    </details>
  );
}

function alertItem(row: AlertRow, tell: Tell): Item {
  return {
    head: {
      id: String(row.id),
      mark: <StatusMark status={alertStatus(row)} word={severityWord(row, tell)} />,
      name: `${row.deployment}: ${row.subject}`,
      figure: alertState(row, tell),
      age: <Age at={row.since} />
    },
    texts: [row.deployment, row.subject, row.part, row.severity, row.because],
    body: () => <AlertCard alert={row} />
  };
}

function requestItem(row: Request, tell: Tell): Item {
  return {
    head: {
      id: String(row.id),
      mark: <StatusMark status={requestStatus(row)} word={stateWord(row, tell)} />,
      name: row.kind === 'version' ? `${row.ref} → ${row.deployment}` : row.ref,
      figure: riskWord(row.risk, tell),
      age: <Age at={row.requested_at} />
    },
    texts: [row.ref, row.deployment, row.reason, stateWord(row, tell)],
    body: () => <RequestCard request={row} />
  };
}

function deploymentItem(row: DeploymentRow, tell: Tell): Item {
  return {
    head: {
      id: row.name,
      mark: <StatusMark status={row.status} />,
      name: row.name,
      figure: shownFigure(row, tell),
      age: <Age at={row.since} />
    },
    texts: [row.name, row.model, row.version, row.owner, row.status],
    body: () => <DeploymentCard row={row} />
  };
}

function modelItem(row: ModelRow, fleet: readonly DeploymentRow[], tell: Tell): Item {
  return {
    head: {
      id: row.name,
      mark: <StatusMark status={modelStatus(row, fleet)} word={modelWord(row, fleet, tell)} />,
      name: row.name,
      figure: row.metric && `${metricName(row.metric)} ${figure(row.value, tell.language)}`,
      age: <Age at={row.created_at} />
    },
    texts: [row.name, row.ref, row.owner, row.purpose],
    body: () => <ModelCard row={row} />
  };
}
