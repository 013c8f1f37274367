import React from 'react';

import { useAnswer, useDeed, useDesk } from '../../desk';
import { Action, Actions, Problem } from '../../parts/action';
import { Grid } from '../../parts/grid';
import { Age, Chip, StatusMark } from '../../parts/marks';
import type { Checks, Version } from '../../types';
import { outcomeWord } from '../approvals/sentences';
import { shortened } from '../versions/choose';
import { checkLines, CheckLine, checkStatus, failures, foundWord } from './matrix';

/** The newest release checks of the last versions side by side, and the way to run them again. */
export function ChecksOver(props: { reference: string; refs: readonly string[] }): JSX.Element {
  const { api, tell } = useDesk();
  const { reference } = props;
  const refs = props.refs.includes(reference) ? props.refs : [reference, ...props.refs];
  const [runs, setRuns] = React.useState(0);
  const course = useAnswer<Version[]>(`${refs.join(' ')} ${runs}`, () =>
    Promise.all(refs.map(ref => api.say('show', { ref })))
  );
  const [running, begin] = useDeed<Checks>();
  const run = (): void =>
    begin(async () => {
      const answer = await api.say('check', { ref: reference });
      setRuns(before => before + 1);
      return answer;
    });
  return (
    <>
      {course.problem && <Problem problem={course.problem} />}
      {!course.answer && !course.problem && <p className="jp-mlops-quiet">{tell('Looking …')}</p>}
      {course.answer && <Matrix versions={course.answer} />}
      <Actions>
        <Action
          label={running.busy ? tell('Checking …') : tell('Check again')}
          title={reference}
          disabled={running.busy}
          onClick={run}
        />
      </Actions>
      {running.problem && <Problem problem={running.problem} />}
    </>
  );
}

function Matrix(props: { versions: readonly Version[] }): JSX.Element {
  const { tell } = useDesk();
  const refs = props.versions.map(one => one.ref);
  const checked = props.versions.filter(one => one.checks.length);
  if (!checked.length) {
    return <p className="jp-mlops-quiet">{tell('No version was checked yet.')}</p>;
  }
  return (
    <>
      {failures(checked).map(({ ref, check }) => (
        <p key={`${ref} ${check.check}`}>
          <StatusMark status="failing" word={tell('failed')} /> <Chip>{ref}</Chip> {check.title}
          <small className="jp-mlops-comment">
            {[check.figure, check.because].filter(Boolean).join(' · ')}
          </small>
        </p>
      ))}
      <Grid
        label={tell('Release checks')}
        corner={tell('check')}
        columns={refs}
        heads={shortened(refs)}
        rows={[
          ...checkLines(props.versions).map(line => ({
            key: line.check,
            name: line.title,
            cells: line.found.map((_, i) => <Found key={i} line={line} place={i} />)
          })),
          {
            key: ' when',
            name: <span className="jp-mlops-quiet">{tell('when')}</span>,
            cells: props.versions.map(one =>
              one.checked_at ? <Age key={one.ref} at={one.checked_at} /> : tell('never')
            )
          }
        ]}
      />
    </>
  );
}

function Found(props: { line: CheckLine; place: number }): JSX.Element {
  const { tell } = useDesk();
  const check = props.line.found[props.place];
  if (!check) {
    return <span title={tell('not run')}>–</span>;
  }
  return (
    <StatusMark
      status={checkStatus(check)}
      word={foundWord(check, outcomeWord(check, tell), tell)}
    />
  );
}
