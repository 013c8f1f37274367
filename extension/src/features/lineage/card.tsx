import React from 'react';

import { useAnswer, useDesk } from '../../desk';
import { Problem } from '../../parts/action';
import { Few, Fold } from '../../parts/fold';
import { Age, StatusMark } from '../../parts/marks';
import { Picture } from '../../parts/picture';
import type { Lineage, LineageCell, LineageNode } from '../../types';
import { cellTitle, kindWord, stateStatus, stateWord } from './sentences';

const FEW_NODES = 30;
const FEW_CELLS = 12;

/** Where a version comes from, to the cell, and where it went; what would not be had again first. */
export function LineageCard(props: { reference: string }): JSX.Element {
  const { api, tell } = useDesk();
  const { reference } = props;
  const course = useAnswer<Lineage>(reference, () => api.say('lineage', { ref: reference }));
  if (course.problem) {
    return <Problem problem={course.problem} />;
  }
  if (!course.answer) {
    return <p className="jp-mlops-quiet">{tell('Tracing …')}</p>;
  }
  const found = course.answer;
  const word = stateWord(found, tell);
  return (
    <>
      <p>
        <StatusMark status={stateStatus(found)} word={word} /> {word}
      </p>
      {found.warnings.length > 0 && (
        <ul className="jp-mlops-warnings">
          {found.warnings.map(said => (
            <li key={said}>{said}</li>
          ))}
        </ul>
      )}
      <p className="jp-mlops-quiet">{found.because}</p>
      <Picture verb="lineage" words={{ ref: reference }} says={found.because} />
      <Fold title={tell('The same as a list')} note={found.items.length}>
        {() => <Nodes nodes={found.items} />}
      </Fold>
      {found.cells.length > 0 && (
        <Fold title={tell('Cells, as they ran')} note={found.cells.length}>
          {() => <Cells cells={found.cells} />}
        </Fold>
      )}
      {found.unknown.length > 0 && (
        <Fold title={tell('Not known')} note={found.unknown.length}>
          {() => (
            <ul className="jp-mlops-changes">
              {found.unknown.map(said => (
                <li key={said}>{said}</li>
              ))}
            </ul>
          )}
        </Fold>
      )}
    </>
  );
}

function Nodes(props: { nodes: readonly LineageNode[] }): JSX.Element {
  const { tell } = useDesk();
  return (
    <Few items={props.nodes} most={FEW_NODES} more={n => tell('{n} more', { n })}>
      {shown => (
        <ul className="jp-mlops-changes">
          {shown.map(node => (
            <li key={node.id}>
              <span className="jp-mlops-quiet">{kindWord(node.kind, tell)}</span>{' '}
              <bdi className="jp-mlops-what">{node.name}</bdi> <Age at={node.at} />
              {node.detail && (
                <small>
                  <bdi>{node.detail}</bdi>
                </small>
              )}
            </li>
          ))}
        </ul>
      )}
    </Few>
  );
}

function Cells(props: { cells: readonly LineageCell[] }): JSX.Element {
  const { tell } = useDesk();
  return (
    <Few items={props.cells} most={FEW_CELLS} more={n => tell('{n} more cells', { n })}>
      {shown => (
        <>
          {shown.map((cell, i) => (
            <div key={i}>
              <p className="jp-mlops-quiet">
                {cellTitle(cell, i, tell)} <Age at={cell.at} />
              </p>
              <pre className="jp-mlops-code" tabIndex={0} aria-label={cellTitle(cell, i, tell)}>
                {cell.source}
                {cell.cut && '\n…'}
              </pre>
            </div>
          ))}
        </>
      )}
    </Few>
  );
}
