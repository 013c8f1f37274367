import React from 'react';

import { useAnswer, useDesk } from '../../desk';
import { figure, share, withInterval } from '../../figures';
import { Problem } from '../../parts/action';
import { Few, Fold } from '../../parts/fold';
import { Grid } from '../../parts/grid';
import { Chip, StatusMark } from '../../parts/marks';
import type { ApartRow, Change, Compare, MetricRow, PairedTest } from '../../types';
import { metricName } from '../models/sentences';
import { MOST_COMPARED, partsOf, shortened, toggled } from '../versions/choose';
import { Code } from './code';
import {
  byPart,
  evidenceWord,
  metricRows,
  partWord,
  saidOf,
  verdictStatus,
  verdictWord
} from './sentences';

const FEW_METRICS = 6;
const FEW_CHANGES = 12;
const FEW_ROWS = 5;
const FEW_FEATURES = 6;

/** Versions side by side, and the way to choose which; the first is what the others are held against. */
export function Comparing(props: {
  reference: string;
  other: string | null;
  known: readonly string[];
}): JSX.Element {
  const { tell } = useDesk();
  const { reference, other, known } = props;
  const [chosen, setChosen] = React.useState(other ? [other, reference] : [reference]);
  if (known.length < 2 && !other) {
    return <p className="jp-mlops-quiet">{tell('There is no other version yet.')}</p>;
  }
  return (
    <>
      <Choice chosen={chosen} known={known} onChange={setChosen} />
      {chosen.length < 2 ? (
        <p className="jp-mlops-quiet">{tell('Choose another version to compare with.')}</p>
      ) : (
        <Compared key={chosen.join(' ')} refs={chosen} />
      )}
    </>
  );
}

function Choice(props: {
  chosen: readonly string[];
  known: readonly string[];
  onChange: (chosen: string[]) => void;
}): JSX.Element {
  const { tell } = useDesk();
  const { chosen, known, onChange } = props;
  const left = known.filter(ref => !chosen.includes(ref));
  return (
    <div className="jp-mlops-choice">
      {chosen.map((ref, i) => (
        <span key={ref} className="jp-mlops-chosen">
          <VersionChip reference={ref} />
          {i === 0 && chosen.length > 1 && <small>{tell('first')}</small>}
          <button
            type="button"
            className="jp-mlops-icon-button"
            aria-label={tell('Leave {ref} out', { ref })}
            title={tell('Leave {ref} out', { ref })}
            onClick={() => onChange(toggled(chosen, ref))}
          >
            ×
          </button>
        </span>
      ))}
      {left.length > 0 && chosen.length < MOST_COMPARED && (
        <select
          value=""
          aria-label={tell('Add a version')}
          onChange={event => onChange(toggled(chosen, event.target.value))}
        >
          <option value="">{tell('Add a version')}</option>
          {left.map(ref => (
            <option key={ref} value={ref}>
              {shortened([known[0], ref])[1]}
            </option>
          ))}
        </select>
      )}
    </div>
  );
}

/** A reference whose number is seen however long its name is. */
function VersionChip(props: { reference: string }): JSX.Element {
  const { name, number } = partsOf(props.reference);
  return (
    <code className="jp-mlops-chip jp-mlops-cut" title={props.reference}>
      <bdi>{name}</bdi>
      <span>:{number}</span>
    </code>
  );
}

function Compared(props: { refs: readonly string[] }): JSX.Element {
  const { api, tell } = useDesk();
  const [ref, other, ...more] = props.refs;
  const course = useAnswer<Compare>(props.refs.join(' '), () =>
    api.say('compare', { ref, other, more })
  );
  if (course.problem) {
    return <Problem problem={course.problem} />;
  }
  if (!course.answer) {
    return <p className="jp-mlops-quiet">{tell('Asking all of them about the same rows …')}</p>;
  }
  const found = course.answer;
  return (
    <div className="jp-mlops-compared">
      {found.same_rows.tests.length === 0 && <p>{found.because}</p>}
      {found.same_rows.tests.map(test => (
        <Verdict key={test.ref} test={test} />
      ))}
      {found.same_rows.absent.map(one => (
        <p key={one.ref} className="jp-mlops-quiet">
          <Chip>{one.ref}</Chip> {one.because}
        </p>
      ))}
      <Metrics found={found} />
      {byPart(found.changes).map(({ part, changes }) => (
        <Fold key={part} title={partWord(part, tell)} note={changes.length}>
          {() => <Changes changes={changes} first={found.refs[0]} many={found.refs.length > 2} />}
        </Fold>
      ))}
      {found.code.length > 0 && (
        <Fold title={tell('code')}>{() => <Code code={found.code} />}</Fold>
      )}
      {found.same_rows.apart.length > 0 && (
        <Fold title={tell('Where they disagree most')} note={found.same_rows.apart.length}>
          {() => <Apart rows={found.same_rows.apart} first={found.refs[0]} />}
        </Fold>
      )}
    </div>
  );
}

function Verdict(props: { test: PairedTest }): JSX.Element {
  const { tell } = useDesk();
  const { test } = props;
  const word = verdictWord(test, tell);
  const p = test.p_value === null ? undefined : `p = ${test.p_value.toPrecision(2)}`;
  return (
    <div className="jp-mlops-verdict">
      <p>
        <StatusMark status={verdictStatus(test)} word={word} /> {test.because}
      </p>
      <p className="jp-mlops-quiet">
        <span title={p}>{evidenceWord(test.p_value, tell)}</span>
        {test.agreement.value !== null &&
          ` · ${tell('the same answer for {share}', { share: share(test.agreement.value, tell.language) })}`}
      </p>
    </div>
  );
}

function Metrics(props: { found: Compare }): JSX.Element {
  const { tell } = useDesk();
  const { found } = props;
  const rows = metricRows(found);
  const same = found.same_rows.tests.length > 0;
  return (
    <>
      <p className="jp-mlops-quiet">{same ? found.same_rows.because : tell('As registered')}</p>
      <Few items={rows} most={FEW_METRICS} more={n => tell('{n} more metrics', { n })}>
        {shown => (
          <Grid
            label={tell('Metrics')}
            corner={tell('metric')}
            columns={found.refs}
            heads={shortened(found.refs)}
            rows={shown.map(({ metric, cells }) => ({
              key: metric,
              name: metricName(metric),
              cells: cells.map((cell, i) => <MetricCell key={found.refs[i]} cell={cell} />)
            }))}
          />
        )}
      </Few>
    </>
  );
}

/** A figure and its interval, which stands below it where there is little room. */
function MetricCell(props: { cell: MetricRow | null }): JSX.Element {
  const { tell } = useDesk();
  const { cell } = props;
  const [value, width] = cell ? withInterval(cell, tell.language).split(' ± ') : ['–'];
  return (
    <>
      {value}
      {width && <span className="jp-mlops-width"> ± {width}</span>}
    </>
  );
}

function Changes(props: { changes: readonly Change[]; first: string; many: boolean }): JSX.Element {
  const { tell } = useDesk();
  return (
    <Few items={props.changes} most={FEW_CHANGES} more={n => tell('{n} more differences', { n })}>
      {shown => (
        <ul className="jp-mlops-changes">
          {shown.map(one => (
            <li key={`${one.ref} ${one.name}`}>
              <bdi className="jp-mlops-what">{one.name}</bdi>
              {props.many && (
                <>
                  {' '}
                  <Chip>{one.ref}</Chip>
                </>
              )}
              <small>
                <bdi>{one.before ?? tell('absent')}</bdi>
                {' → '}
                <bdi>{one.now ?? tell('absent')}</bdi>
              </small>
            </li>
          ))}
        </ul>
      )}
    </Few>
  );
}

function Apart(props: { rows: readonly ApartRow[]; first: string }): JSX.Element {
  const { tell } = useDesk();
  return (
    <Few items={props.rows} most={FEW_ROWS} more={n => tell('{n} more rows', { n })}>
      {shown => (
        <ul className="jp-mlops-changes">
          {shown.map(one => (
            <li key={`${one.ref} ${one.row}`}>
              <span className="jp-mlops-what">{tell('row {n}', { n: one.row })}</span>
              <span>
                {' '}
                <Chip>{props.first}</Chip> {saidOf(one.first, tell.language)} <Chip>{one.ref}</Chip>{' '}
                {saidOf(one.other, tell.language)}
                {one.truth !== undefined &&
                  ` · ${tell('it was {truth}', { truth: saidOf(one.truth, tell.language) })}`}
              </span>
              <small title={features(one, tell.language, Infinity)}>
                {features(one, tell.language, FEW_FEATURES)}
              </small>
            </li>
          ))}
        </ul>
      )}
    </Few>
  );
}

function features(row: ApartRow, language: string, most: number): string {
  const all = Object.entries(row.features);
  const told = all
    .slice(0, most)
    .map(
      ([name, value]) =>
        `${name}: ${typeof value === 'number' ? figure(value, language) : saidOf(value, language)}`
    );
  return told.join(', ') + (all.length > most ? ', …' : '');
}
