import React from 'react';

/** A row of a table: its name, and a cell for each column. */
export interface GridRow {
  readonly key: string;
  readonly name: React.ReactNode;
  readonly cells: readonly React.ReactNode[];
}

/** A table that scrolls sideways where it has no room, by keyboard as well. */
export function Grid(props: {
  label: string;
  corner: string;
  columns: readonly string[];
  /** What stands above the columns, where their names are too long for that. */
  heads?: readonly string[];
  rows: readonly GridRow[];
}): JSX.Element {
  return (
    <div className="jp-mlops-scroll" role="region" aria-label={props.label} tabIndex={0}>
      <table className="jp-mlops-grid">
        <thead>
          <tr>
            <th scope="col">{props.corner}</th>
            {props.columns.map((column, i) => (
              <th key={column} scope="col" aria-label={column}>
                <bdi className="jp-mlops-column" title={column}>
                  {props.heads?.[i] ?? column}
                </bdi>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {props.rows.map(row => (
            <tr key={row.key}>
              <th scope="row">{row.name}</th>
              {row.cells.map((cell, i) => (
                <td key={props.columns[i]}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
