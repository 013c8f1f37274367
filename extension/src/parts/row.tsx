import React from 'react';

/** What a row shows when it is closed: one line. */
export interface RowHead {
  readonly id: string;
  readonly mark: React.ReactNode;
  readonly name: string;
  readonly figure: React.ReactNode;
  readonly age: React.ReactNode;
}

/** One line that opens to what it has to say. */
export function Row(props: {
  head: RowHead;
  open: boolean;
  onToggle: (id: string) => void;
  children: () => React.ReactNode;
}): JSX.Element {
  const { head, open, onToggle } = props;
  const body = `jp-mlops-body-${React.useId()}`;
  return (
    <li className="jp-mlops-row" data-open={open} data-row={head.id}>
      <button
        type="button"
        className="jp-mlops-row-head"
        aria-expanded={open}
        aria-controls={open ? body : undefined}
        onClick={() => onToggle(head.id)}
      >
        {head.mark}
        <bdi className="jp-mlops-row-name" title={head.name}>
          {head.name}
        </bdi>
        <span className="jp-mlops-row-figure">{head.figure}</span>
        <span className="jp-mlops-row-age">{head.age}</span>
      </button>
      {open && (
        <div className="jp-mlops-row-body" id={body}>
          {props.children()}
        </div>
      )}
    </li>
  );
}
