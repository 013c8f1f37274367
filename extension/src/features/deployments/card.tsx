import React from 'react';

import { useDesk } from '../../desk';
import { counted } from '../../figures';
import { Action, Actions, CopyAction } from '../../parts/action';
import { Fold } from '../../parts/fold';
import { Chip } from '../../parts/marks';
import type { DeploymentRow } from '../../types';
import { Paper } from '../documents/card';
import { REPORT } from '../documents/sentences';
import { trialWords } from './sentences';
import { monitorLine, predictionSnippet } from './snippets';

/** How a deployment is, in its sentence, and what to do with it. */
export function DeploymentCard(props: { row: DeploymentRow }): JSX.Element {
  const { insert, openDashboard, tell } = useDesk();
  const { row } = props;
  const line = monitorLine(row.name);
  const snippet = predictionSnippet(row.name);
  const trial = trialWords(row, tell);
  return (
    <article className="jp-mlops-card">
      <p>{row.because}</p>
      <p className="jp-mlops-quiet">
        {row.version && <Chip>{row.version}</Chip>}{' '}
        {tell('{n} predictions in 7 days', { n: counted(row.predictions, tell.language) })}
        {row.owner && ` · ${row.owner}`}
      </p>
      {row.version && (
        <Fold title={tell('Deployment report')}>
          {() => <Paper subject={row.name} template={REPORT} />}
        </Fold>
      )}
      {trial && <p className="jp-mlops-quiet">{trial}</p>}
      <Actions>
        {line && <Action label={tell('Monitor')} title={line} onClick={() => void insert(line)} />}
        {row.version && (
          <Action label={tell('Open its page')} onClick={() => openDashboard(row.name)} />
        )}
        {snippet && <CopyAction label={tell('Copy a prediction')} text={snippet} />}
      </Actions>
    </article>
  );
}
