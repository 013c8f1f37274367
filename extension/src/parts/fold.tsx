import React from 'react';

/** Something that is looked into only when it is wanted: nothing is asked for before it opens. */
export function Fold(props: {
  title: string;
  note?: React.ReactNode;
  open?: boolean;
  children: () => React.ReactNode;
}): JSX.Element {
  const [open, setOpen] = React.useState(props.open ?? false);
  return (
    <details
      className="jp-mlops-fold"
      open={open}
      onToggle={event => setOpen(event.currentTarget.open)}
    >
      <summary>
        {props.title}
        {props.note !== undefined && <span className="jp-mlops-count">{props.note}</span>}
      </summary>
      {open && <div className="jp-mlops-fold-body">{props.children()}</div>}
    </details>
  );
}

/** The first of many things, and a button for the rest. */
export function Few<Thing>(props: {
  items: readonly Thing[];
  most: number;
  more: (n: number) => string;
  children: (items: readonly Thing[]) => React.ReactNode;
}): JSX.Element {
  const [all, setAll] = React.useState(false);
  const { items, most } = props;
  const left = items.length - most;
  return (
    <>
      {props.children(all ? items : items.slice(0, most))}
      {!all && left > 0 && (
        <button type="button" className="jp-mlops-more" onClick={() => setAll(true)}>
          {props.more(left)}
        </button>
      )}
    </>
  );
}
