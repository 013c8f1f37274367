import React from 'react';

import { useAnswer, useDesk, useSnapshot } from '../../desk';
import { withInterval } from '../../figures';
import { Actions, CopyAction, Problem } from '../../parts/action';
import { Chip } from '../../parts/marks';
import type { ModelRow, Version } from '../../types';
import { riskWord } from '../deployments/sentences';
import { requestLine, showLine } from '../deployments/snippets';
import { VersionParts } from '../versions/parts';
import { firstMetrics, metricName, modelWord, taskWord } from './sentences';

/** What a model is for and how good its newest version is. */
export function ModelCard(props: { row: ModelRow }): JSX.Element {
  const { api, live, tell } = useDesk();
  const { row } = props;
  const fleet = useSnapshot(live).deployments;
  const course = useAnswer<Version>(row.ref, () => api.say('show', { ref: row.ref }));
  const lines = [
    { label: tell('Copy show'), text: showLine(row.ref) },
    { label: tell('Copy request'), text: requestLine(row.ref) }
  ];
  return (
    <article className="jp-mlops-card">
      <p>{row.purpose || tell('Purpose: not stated')}</p>
      <p className="jp-mlops-quiet">
        <Chip>{row.ref}</Chip> {taskWord(row.task, tell)} · {riskWord(row.risk, tell)} ·{' '}
        {row.owner || tell('owner not stated')}
      </p>
      <p className="jp-mlops-quiet">{modelWord(row, fleet, tell)}</p>
      {course.answer && <Figures version={course.answer} />}
      {course.problem && <Problem problem={course.problem} />}
      <VersionParts reference={row.ref} />
      <Actions>
        {lines.map(
          ({ label, text }) => text && <CopyAction key={label} label={label} text={text} />
        )}
      </Actions>
    </article>
  );
}

function Figures(props: { version: Version }): JSX.Element {
  const { tell } = useDesk();
  const { metrics } = props.version;
  return (
    <dl className="jp-mlops-figures">
      {firstMetrics(metrics).map(name => (
        <React.Fragment key={name}>
          <dt>{metricName(name)}</dt>
          <dd>{withInterval(metrics[name], tell.language)}</dd>
        </React.Fragment>
      ))}
    </dl>
  );
}
